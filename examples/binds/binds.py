"""What binds a deployment, and what would help it most: a tornado in text.

python examples/binds/binds.py llama-3.1-70b "4x L40S" fp8
"""

import sys

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.physics.deployment import deploy
from wattmill.physics.performance import Workload, performance, shares
from wattmill.physics.sensitivity import effects
from wattmill.physics.step import step_cost

name, machines, precision = sys.argv[1:4]
load = Workload(isl=1000, osl=300)
deployment = deploy(model(name), hardware(machines), precision)

seen = performance(deployment, load, load_frac=1.0)
print(
    f"{name} in {precision} on {machines}: {seen.full_tok_per_s:,.0f} tok/s of {seen.full_batch} users"
)
print(f"what binds: {seen.binds}\n")

parts = shares(step_cost(deployment), load, max(1.0, seen.full_batch / deployment.replicas))
print("a token's time goes to")
for part in ("bandwidth", "compute", "link", "overhead"):
    share = getattr(parts, f"{part}_s") / parts.total_s
    print(f"  {part:10} {share:5.0%}  {'#' * round(40 * share)}")

print("\ntwice of        tok/s    TPOT   users")
for effect in effects(deployment, load):
    bar = "#" * min(40, round(40 * (effect.tok_per_s - 1)))
    print(
        f"  {effect.part:16} {effect.tok_per_s:4.2f}x  {effect.tpot:4.2f}x  {effect.batch:5}  {bar}"
    )
