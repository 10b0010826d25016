"""The claims of `power.toml` from raw numbers: watts of data sheets, inches, pounds, kilowatts."""

from tests.plan.audit.support import Recomputed

# Watts of one card, by data sheets; H_NODE is a DGX H100, NVL72 a GB200 NVL72 at its power shelves.
L40S, H100, RTX_PRO, RTX_PRO_MAX_Q = 350, 700, 600, 300
GB200, GRACE_AND_SHARE, RUBIN, CPX = 1200, 450, 1800, 880
H_NODE, NVL72, NVL72_KG = 10_200, 132_000, 1360
SLOT = H_NODE / 8

FOOT, INCH, POUND = 0.3048, 0.0254, 0.45359237
RACK_M2 = 0.6 * 1.2
AISLES_M2 = 0.6 * (0.6 + 0.45)
ROW_M2 = RACK_M2 + AISLES_M2
PEOPLE_KG_PER_M2 = 15 * POUND / FOOT**2


def _on_the_floor(pounds: float) -> float:
    return (pounds * POUND + PEOPLE_KG_PER_M2 * AISLES_M2) / ROW_M2


RECOMPUTED: dict[str, Recomputed] = {
    "slot-power-sum": [700 + 300 + 20 + 20, 700 + 500 + 40 + 50],
    "slot-power-1050-1040": [1000 + 40, 1100 + 90],
    "slot-power-dgx": H_NODE * 1.2 / 8,
    "slot-power-ib": [1500 / 64, 1500 / 32],
    "slot-power-storage": None,
    "h100-700-200": H100 / 200,
    "l40s-1400": 4 * L40S,
    "l40s-colo-14": 4 * L40S / 1000,
    "rtxpro-2400": 4 * RTX_PRO,
    "rtxpro-300-vs-600": RTX_PRO / RTX_PRO_MAX_Q,
    "dgx-56": 8 * H100 / 1000,
    "aiserver-10x": H_NODE / 1000,
    "rack-408": 4 * H_NODE / 1000,
    "mr-rack-40-50": 4 * H_NODE / 1000,
    "rack-pue-56-68": [43 * 1.3, 45 * 1.5],
    "colo-air-cap-vs-h100-node": [15_000 // H_NODE, 25_000 // H_NODE],
    "trad-5-10kw": [10 / 5, 20 / 10],
    "mr-baseline": [20 * 0.3, 40 * 0.5],
    "mr-42u": 42 * 1.75,
    "mr-volume": [73.5 * 24 * 36 / 12**3, 84 * 24 * 48 / 12**3],
    "mr-density": [500 / 150, 800 / 200],
    "mr-density-of-a-row": [80_000 / ROW_M2 * FOOT**2, 100_000 / ROW_M2 * FOOT**2],
    "fac-density-conflict": 1500 / (28e6 / 1e6),
    "rack-6000lb": NVL72_KG / POUND,
    "mr-slab-800": [_on_the_floor(2000), _on_the_floor(3000)],
    "nvl72-1mw-gpu": 72 * (GB200 + GRACE_AND_SHARE) / 1000,
    "mr-nvl72-1mw": 18 * 5.4 + 9 * 1.5,
    "nvl72-per-gpu": 18 * 5.4 + 9 * 1.5,
    "nvl72-120-vs-1mw": 1000 / 120,
    "mr-7-10x": [1000 / 15, 1000 / 10],
    "mr-70-100-power": [132 / 10, 132 / 15],
    "nvl72-10x-server": 120,
    "mr-7mw-cluster": 7e6 / NVL72,
    "vr-nvl144-cpx-370": (72 * RUBIN + 144 * CPX) / 1000,
    "s0-campus-gpus": [mw * 1e6 / 1.2 / NVL72 * 72 / 1000 for mw in (500, 1000)],
    "s3-power-envelope": 16_000 / (H_NODE * 1.2) * 1e6,
    "colossus2-gw": 550_000 * 120e3 / 72 / 1e9,
    "colossus1-240mw": 230_000 * SLOT / 1e6,
    "sg-60": 60e6 / 1.2 / NVL72,
    "msft-80b": 80e9 / (2.5 * 3 * 8760 * 0.8) * SLOT * 1.2 / 1e9,
    "critit-25": 100 * ((96 / 49) ** (1 / 3) - 1),
    "critit-ai-share": 100 * 40 / 96,
    "jpm-100gw-nuclear": 100 / 97,
    "jpm-100gw-nuclear-mon": 100 / (97 * 0.925),
}
