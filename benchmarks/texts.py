"""Texts of 5-60 words, the same in every process: words drawn from a fixed list, seeded."""

import random

COUNT = 1000
WORDS = """
a about after all also and any are as ask at back be because before between both boy but by call
came can change city close come could country day did different do does door down each early
earth eat end every example eye face family far father feet few find first follow food form
found four from gave get give go good great group grow had hand hard has have he head hear help
her here high him his home house how idea important in into is island it its just keep kind know
land large last late learn leave left letter life light like line list little live long look
made make man many may me mean might mile mother mountain move much must my name near need never
new next night no not now number of off often old on once one only open or other our out over
own page paper part people picture place plant play point put question quick quite rain read
really right river run said same saw say school sea second see seem sentence set she should show
side small so some something song soon sound spell start state still stop story study such take
talk tell than that the their them then there these they thing think this those thought three
through time to together too took tree turn two under until up us use very walk want was watch
water way we well went were what when where which while white who why will with without word
work world would write year you young your
"""


def texts(count: int = COUNT) -> list[str]:
    """Give ``count`` different texts, their lengths spread evenly."""
    draw = random.Random(7)
    words = WORDS.split()
    return [" ".join(draw.choices(words, k=draw.randint(5, 60))) for _ in range(count)]


def payloads(count: int = 256, size: int = 100) -> list[bytes]:
    """Give ``count`` different rows for an echo."""
    draw = random.Random(7)
    return [draw.randbytes(size) for _ in range(count)]
