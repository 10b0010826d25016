"""Gateway: the data plane. Sockets, clocks and engines; decides nothing itself, ``policy`` does.

server      HTTP from clients: limits on every header and body, one request at a time per connection
api         what a body asks for, and the body that goes to the engine
driver      hands events to ``policy.Lifecycle`` and carries out its actions
exchange    one request and its answer on their way through
links       keep-alive connections to engines
streams     server-sent events: bytes passed on, only the usage frame looked into
usage       each engine's way of counting, made disjoint
commits     group commit: many entries share one sync
health      polls engines: the view that policy sees
process     the gateway as a process: recover, serve, reload, drain
"""
