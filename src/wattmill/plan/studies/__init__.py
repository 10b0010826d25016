"""Studies of money and place that a person asks for, each from a factory file and the catalog.

A study takes a factory and a day and answers a frozen record; each number that went in is a `Sourced`.

`finance`, `buy`, `decide`, `replace` and `site` are a study each; `decide` reads demand and offers as
`buy` does. Beside them is what they share: `demand`, `electricity`, `machines`, `purchases`, `running`,
`selling`, `uncertainty`, `timeline`, and how tables and inputs are written.
"""
