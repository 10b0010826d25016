"""Studies that a person asks for before buying, and after: will it fit, how fast, at what cost.

Nouns: PlanReport (a whole factory), PoolPlan (machines), CloudPlan (an API), SitePlan (power).
`plan.report` joins the rooms, `plan.text` shows the result to a person.
`plan.sizing`: what holds a model and what serves it in time; the Pareto front.
`plan.studies`: what the file, the catalog and physics say becomes a project of `finance` or a place
of `site`; FinanceReport and its like hold the answer, Sourced an input and where it came from.
`plan.fleet`: MachineType, Market, Envelope, Mix: the best fleet within power, capital and space.
`plan.questions`: Question, Input, Answer: every model function a person may ask for, with units.
`plan.audit`: claims held against them; Finding, Verdict, Remedy.
Arrows: knows `physics`, `site`, `finance`, `tariff`, `catalog`, `core`, and may know `twin`,
`policy` and `ledger`; never `gateway` or `web`.
"""
