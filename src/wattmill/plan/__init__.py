"""Studies that a person asks for before buying, and after: will it fit, how fast, at what cost.

Nouns: PlanReport (a whole factory), PoolPlan (machines), CloudPlan (an API), SitePlan (power).
`plan.report` joins the rooms, `plan.text` shows the result to a person.
Arrows: knows `physics`, `site`, `finance`, `tariff`, `catalog`, `core`, and may know `twin`,
`policy` and `ledger`; never `gateway` or `web`.
"""
