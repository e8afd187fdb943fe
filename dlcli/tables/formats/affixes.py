"""What stands before and behind numbers: currencies, percent, units, and letters for thousands and millions."""

import re

BLANKS = " \u00a0\u2007\u2009\u202f"
MINUSES = "-\u2212\u2010\u2011\u2012\u2013\u2014\ufe63\uff0d"

PERCENTS = ("%", "pct", "pct.", "percent", "per cent", "Percent", "Prozent", "‰")
SUFFIXES = {
    "k": 3, "K": 3, "thousand": 3, "m": 6, "M": 6, "MM": 6, "mn": 6, "Mn": 6, "mln": 6, "mio": 6, "Mio": 6, "Mio.": 6,
    "million": 6, "Million": 6, "b": 9, "B": 9, "bn": 9, "Bn": 9, "bln": 9, "mrd": 9, "Mrd": 9, "Mrd.": 9, "billion": 9,
    "Billion": 9, "tn": 12, "T": 12, "trillion": 12, "lakh": 5, "Lakh": 5, "lac": 5, "Lac": 5, "crore": 7, "Crore": 7,
    "cr": 7, "Cr": 7,
}  # fmt: skip
ATTACHED_SUFFIXES = ("k", "K", "M", "B")  # without a currency: "5 m" are meters

CODES = (
    "AED ARS AUD BAM BDT BGN BHD BRL CAD CHF CLP CNY COP CRC CZK DKK DOP DZD EGP EUR GBP GEL GHS HKD HRK HUF IDR "
    "ILS INR IQD IRR ISK JOD JPY KES KRW KWD KZT LBP LKR MAD MXN MYR NGN NOK NPR NZD OMR PEN PHP PKR PLN PYG QAR "
    "RMB RON RSD RUB SAR SEK SGD THB TND TRY TWD TZS UAH UGX USD UYU UZS VEF VND XAF XOF ZAR"
)
CURRENCY_WORDS = (
    "kr kr. Kr Kr. Kč zł Ft Rs Rs. RM Rp Rp. Fr Fr. SFr SFr. sFr. S/ S/. руб руб. р. грн лв лв. lei Lei din din. "
    "Dhs Dhs. eur usd gbp chf inr jpy cad aud euro euros Euro Euros dollar dollars Dollar Dollars pounds cents "
    "Cent Cents cent"
)
CURRENCY = re.compile(
    rf"[A-Z]{{0,3}}[$¢£¤¥\u20a0-\u20cf]|{'|'.join(map(re.escape, f'{CODES} {CURRENCY_WORDS}'.split()))}"
)
CONTINENTAL_SIGNS = (
    "€ EUR eur euro euros Euro Euros kr kr. Kr Kr. SEK NOK DKK R$ BRL Kč CZK zł PLN Ft HUF lei Lei RON ₺ TRY ₽ RUB руб "
    "руб. р. ₴ UAH грн ARS CLP COP UYU Rp Rp. IDR ₫ VND din din. RSD HRK BAM лв лв. BGN"
)
CONTINENTAL = frozenset(CONTINENTAL_SIGNS.split())

KNOWN_UNITS = (
    "kg g mg µg μg ug lb lbs oz t ton tons tonne tonnes st. km m dm cm mm µm μm nm mi mile miles ft feet foot in "
    "inch inches yd yds \" ' s sec secs second seconds ms µs μs us ns min mins minute minutes h hr hrs hour hours "
    "d day days wk wks week weeks mo mos month months y yr yrs year years Std Std. Min Min. Sek Tage Jahre Monate "
    "Wochen Stunden km/h kmh km/hr kph mph m/s ft/s kn kt kts knots °C °F ° C F K l L ml mL dl cl hl gal gallon "
    "gallons cc CC cm3 cm³ m3 m³ ft3 ft³ m2 m² km2 km² cm² mm² ft2 ft² sqft sqm qm sq.ft. sq.m. sq.m ha ac acre "
    "acres hp HP bhp PS kW W MW GW mW kWh Wh MWh GWh V mV kV A mA Ah mAh Hz kHz MHz GHz Pa hPa kPa MPa bar mbar "
    "psi atm mmHg dB dBm dBA ppm ppb ppt mol mmol/l mmol/L mg/dl mg/dL mg/l mg/L µg/m³ µg/m3 ug/m3 g/l g/L g/dl "
    "g/dL kg/m³ kg/m2 kg/m² g/cm³ g/cm3 g/km U/l U/L IU IU/L ng/ml ng/mL pg/ml % cal kcal Cal kJ J MJ N kN Nm rpm "
    "bpm px pt bit bits byte bytes kB KB MB GB TB PB KiB MiB GiB TiB kbps Kbps Mbps Gbps kb/s Mb/s Mbit/s Gbit/s "
    "MB/s GB/s L/100km l/100km km/l km/L kmpl km/kg mpg MPG fps dpi ppi MP mm/h mm/d x"
)
UNITS = frozenset(KNOWN_UNITS.split())
# Letters that follow a number without a blank in names as well: 2D, 5A, 32B.
ATTACHED_LETTERS = frozenset("gmshdtlLVWyx\"'°")
WORDS = re.compile(r"[^\W\d_]{2,20}(?: [^\W\d_]{1,15})?")
NOT_UNITS = "st nd rd th am pm or and over plus up more less ad bc er ème th. to bis"
NO_UNITS = frozenset(NOT_UNITS.split())


def is_currency(text: str) -> bool:
    """Whether ``text`` is a currency's sign, code or word."""
    return CURRENCY.fullmatch(text) is not None


def is_unit(text: str, *, attached: bool) -> bool:
    """Whether ``text`` can be a unit; ``attached``: it follows the numbers without a blank."""
    if text.startswith("/") and len(text) > 1:  # of a rate: $10/hr
        return is_unit(text[1:], attached=False)
    if text in UNITS:
        return not attached or len(text) > 1 or text in ATTACHED_LETTERS
    known = text.replace(" ", "").lower() in {"sqft", "sqm", "sq.ft", "sq.ft.", "sq.m", "sq.m.", "sqin", "squarefeet"}
    words = WORDS.fullmatch(text) is not None and text.split()[0].lower() not in NO_UNITS
    return known or (words and not attached)


def writings(affix: str) -> list[str]:
    """The ways to write an affix: as it is, and a word's singular and plural."""
    if len(affix) < 3 or not affix.isalpha() or is_currency(affix) or affix in PERCENTS:
        return [affix] if affix else []
    return [affix, affix.removesuffix("s")] if affix.endswith("s") else [affix + "s", affix]
