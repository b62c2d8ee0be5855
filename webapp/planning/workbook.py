"""The business as an Excel workbook with live formulas: change an input, and every month follows.

It works out the central case (every input at its median, no luck), which the business page shows beside the intervals.
Sheets: Inputs (named cells), Months (one row a month), Summary, and the results of the page as they were.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.worksheet import Worksheet

from economics.venture import Venture, central_venture
from economics.venture.staircase import HOURS_PER_MONTH
from economics.venture.toml_file import venture_from
from webapp.planning.inputs import PlanInputs
from webapp.planning.models import PlanVersion
from webapp.ui.cells import safe_cell

BOLD = Font(bold=True)
MONEY, PLAIN = "#,##0.00", "#,##0.####"
MONTH_COLUMNS = (
    "month", "age", "new_customers", "customers", "tokens", "replicas", "revenue", "serving", "cost_of_goods", "training",
    "research", "sales", "general", "operating_profit", "receipts", "payments", "operating_cash", "cash", "discount",
    "settled", "billed_later",
)  # fmt: skip


def workbook_bytes(version: PlanVersion, inputs: PlanInputs) -> bytes:
    """Return the workbook of a version."""
    table = version.results["business"]["table"]
    venture = central_venture(venture_from(table))
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Inputs"
    _inputs_sheet(book, sheet, venture, table)
    _months_sheet(book, venture)
    _summary_sheet(book, venture)
    _plan_sheet(book, version, inputs)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def named_inputs(venture: Venture, table: Mapping[str, Any]) -> dict[str, tuple[float, str]]:
    """Return the cells that may be changed: name, central value, meaning."""
    segment, serving, plan = venture.segments[0], venture.serving, venture.segments[0].plan
    training = venture.training[0] if venture.training else None
    return {
        "opening_cash": (venture.opening_cash_usd, "Cash at the start, USD"),
        "launch_month": (venture.launch_month, "First month that sells, from 0"),
        "starting_customers": (segment.starting_customers, "Customers at the start"),
        "new_customers": (segment.new_customers_per_month.median, "New customers in the first month of sales"),
        "new_growth": (segment.growth_per_month.median, "Growth of new customers a month"),
        "churn": (segment.churn_per_month.median, "Churn a month"),
        "tokens_per_customer": (segment.tokens_per_customer_month.median, "Tokens of a customer a month"),
        "heaviness": (max(segment.heaviness_sigma, 1e-9), "Standard deviation of ln use"),
        "price": (plan.usd_per_month, "Price a month, USD"),
        "included_tokens": (max(plan.included_tokens_per_month, 1e-9), "Tokens included"),
        "overage_price": (plan.usd_per_million_tokens, "A million tokens beyond, USD"),
        "collection_days": (plan.collection_days, "Days until paid (at most 30)"),
        "acquisition": (segment.acquisition_usd.median, "To win a customer, USD"),
        "support": (serving.support_usd_per_customer_month, "Support per customer and month, USD"),
        "payment_fee": (serving.payment_fee_fraction, "Payment fee, share of revenue"),
        "serves_itself": (0.0 if serving.mode == "api" else 1.0, "1: own replicas, 0: an API"),
        "tokens_per_second": (serving.tokens_per_second_per_replica.median, "Tokens a second of a replica"),
        "gpu_hour": (
            serving.usd_per_accelerator_hour.median * serving.accelerators_per_replica,
            "A replica's hour, USD",
        ),
        "rent_decline": (serving.rent_decline_per_year.median, "Fall of rents a year"),
        "peak_over_mean": (serving.peak_over_mean, "Busiest hour over the mean"),
        "least_replicas": (serving.least_replicas, "Replicas at least"),
        "api_price": (serving.api_usd_per_million_tokens, "API, a million tokens, USD"),
        "api_decline": (serving.api_decline_per_year, "Fall of API prices a year"),
        "hours_per_month": (HOURS_PER_MONTH, "Hours of a month"),
        "research_payroll": (_payroll(venture, "research"), "Research payroll a month, USD"),
        "sales_payroll": (_payroll(venture, "sales"), "Sales payroll a month, USD"),
        "general_payroll": (_payroll(venture, "general"), "General payroll a month, USD"),
        "other_costs": (sum(o.usd_per_month for o in venture.other_costs), "Other costs a month, USD"),
        "training_cost": (training.cost_usd.median if training else 0.0, "A training project, USD"),
        "training_months": (training.months if training else 1, "Months it is spent over"),
        "training_every": (training.every_months if training else 0, "Repeated after months; 0 once"),
        "funding": (sum(f.amount_usd for f in venture.funding), "Funding, USD"),
        "funding_month": (venture.funding[0].month if venture.funding else 0, "Month of the funding, from 0"),
        "discount_rate": (venture.discounting.annual_rate, "Discount rate a year"),
    }


def _payroll(venture: Venture, department: str) -> float:
    people = [person for person in venture.people if person.department == department]
    return sum(p.usd_per_year * p.count for p in people) / 12 * (1 + venture.payroll_overhead_fraction)


def _inputs_sheet(book: Workbook, sheet: Worksheet, venture: Venture, table: Mapping[str, Any]) -> None:
    sheet.append(["Input", "Central value", "Meaning (all money in US dollars, before tax)"])
    for row, (name, (value, meaning)) in enumerate(named_inputs(venture, table).items(), start=2):
        sheet.append([name, value, meaning])
        book.defined_names[name] = DefinedName(name, attr_text=f"Inputs!$B${row}")
    row = sheet.max_row + 2
    derived = {
        # mean of a lognormal's part below a limit: E[min(X, k)] = m N(z - s) + k (1 - N(z))
        "z": "=(LN(included_tokens)-LN(MAX(tokens_per_customer,1E-9))+heaviness^2/2)/heaviness",
        "tokens_inside": "=tokens_per_customer*NORMSDIST(z-heaviness)+included_tokens*(1-NORMSDIST(z))",
        "beyond": "=IF(overage_price>0,tokens_per_customer-tokens_inside,0)",
        "revenue_per_customer": "=price+beyond*overage_price/1000000",
        "capacity": "=tokens_per_second*hours_per_month*3600/peak_over_mean",
        "monthly_rate": "=(1+discount_rate)^(1/12)-1",
        "late": "=collection_days/30.4375",
    }
    sheet.cell(row - 1, 1, "Worked out").font = BOLD
    for at, (name, formula) in enumerate(derived.items(), start=row):
        sheet.cell(at, 1, name)
        sheet.cell(at, 2, formula)
        book.defined_names[name] = DefinedName(name, attr_text=f"Inputs!$B${at}")
    _widths(sheet, (24, 18, 60))


def _months_sheet(book: Workbook, venture: Venture) -> None:
    sheet = book.create_sheet("Months")
    sheet.append(list(MONTH_COLUMNS))
    letter = {name: sheet.cell(1, at).column_letter for at, name in enumerate(MONTH_COLUMNS, start=1)}
    for month in range(venture.months):
        row = month + 2
        values = _month_formulas(row, month, letter)
        for at, name in enumerate(MONTH_COLUMNS, start=1):
            sheet.cell(row, at, values[name]).number_format = PLAIN
    _widths(sheet, (15,) * len(MONTH_COLUMNS))
    sheet.freeze_panes = "B2"


def _month_formulas(row: int, month: int, letter: Mapping[str, str]) -> dict[str, Any]:
    """Return the formulas of one month; they follow `economics.venture.simulate` line by line."""
    here = {name: f"{column}{row}" for name, column in letter.items()}
    before = {name: f"{column}{row - 1}" for name, column in letter.items()}
    first = month == 0
    # those who joined last month are settled from now on, and churn like the rest
    settled = "starting_customers" if first else f"({before['settled']}+{before['new_customers']})"
    fall = f"(1-rent_decline)^({here['month']}/12)"
    own = f"MAX(ROUNDUP({here['tokens']}/capacity-0.000000001,0),least_replicas)"
    trained = (
        f"IF(training_every>0,IF(MOD({here['month']},training_every)<training_months,1,0),"
        f"IF({here['month']}<training_months,1,0))"
    )
    collected = f"(1-late)*{here['billed_later']}" + ("" if first else f"+late*{before['billed_later']}")
    return {
        "month": month,
        "age": f"={here['month']}-launch_month",
        "new_customers": f"=IF({here['age']}<0,0,new_customers*(1+new_growth)^{here['age']})",
        "settled": f"={settled}*(1-churn)",
        "customers": f"={here['settled']}+{here['new_customers']}",
        "tokens": f"={here['customers']}*tokens_per_customer",
        "replicas": f"=IF(AND(serves_itself=1,{here['tokens']}>0),{own},0)",
        "revenue": f"={here['customers']}*revenue_per_customer",
        "serving": (
            f"=IF(serves_itself=1,{here['replicas']}*gpu_hour*hours_per_month*{fall},"
            f"{here['tokens']}/1000000*api_price*(1-api_decline)^({here['month']}/12))"
        ),
        "cost_of_goods": f"={here['serving']}+payment_fee*{here['revenue']}+support*{here['customers']}",
        "training": f"={trained}*training_cost/training_months",
        "research": f"=research_payroll+{here['training']}",
        "sales": f"=sales_payroll+{here['new_customers']}*acquisition",
        "general": "=general_payroll+other_costs",
        "operating_profit": (
            f"={here['revenue']}-{here['cost_of_goods']}-{here['research']}-{here['sales']}-{here['general']}"
        ),
        "billed_later": f"={here['revenue']}",
        "receipts": f"={collected}",
        "payments": f"={here['cost_of_goods']}+{here['research']}+{here['sales']}+{here['general']}",
        "operating_cash": f"={here['receipts']}-{here['payments']}",
        "cash": (
            f"={'opening_cash' if first else before['cash']}+{here['operating_cash']}"
            f"+IF({here['month']}=funding_month,funding,0)"
        ),
        "discount": f"=(1+monthly_rate)^-({here['month']}+0.5)",
    }


def _summary_sheet(book: Workbook, venture: Venture) -> None:
    sheet = book.create_sheet("Summary", 0)
    last = venture.months + 1
    column = {name: book["Months"].cell(1, at).column_letter for at, name in enumerate(MONTH_COLUMNS, start=1)}

    def over(name: str) -> str:
        return f"Months!{column[name]}2:{column[name]}{last}"

    rows: list[tuple[str, Any]] = [
        ("Central case, before tax, US dollars", None),
        ("NPV", f"=SUMPRODUCT({over('operating_cash')},{over('discount')})"),
        ("Revenue", f"=SUM({over('revenue')})"),
        ("Operating profit", f"=SUM({over('operating_profit')})"),
        ("Lowest cash", f"=MIN({over('cash')})"),
        ("Cash at the end", f"=Months!{column['cash']}{last}"),
        ("Gross margin, last month",
         f"=1-Months!{column['cost_of_goods']}{last}/Months!{column['revenue']}{last}"),
    ]  # fmt: skip
    for row, (name, formula) in enumerate(rows, start=1):
        sheet.cell(row, 1, name).font = BOLD
        sheet.cell(row, 2, formula).number_format = MONEY
    _widths(sheet, (40, 20))


def _plan_sheet(book: Workbook, version: PlanVersion, inputs: PlanInputs) -> None:
    """The page's own results and inputs of that day, as values."""
    from webapp.planning.charts import options_table
    from webapp.planning.inputs import FIELDS

    sheet = book.create_sheet("Plan")
    sheet.append([safe_cell(str(version)), f"prices of {version.catalogue_date}", safe_cell(version.law_label)])
    sheet.append([])
    sheet.append(["Option", "cost p10", "cost p50", "cost p90", "P(cheapest)", "expected regret"])
    for row in options_table(version.results):
        sheet.append([safe_cell(cell) for cell in row])
    sheet.append([])
    sheet.append(["Input", "value", "unit", "source"])
    for name, meta in FIELDS.items():
        sheet.append(
            [safe_cell(str(meta["label"])), safe_cell(getattr(inputs, name)), meta["unit"], safe_cell(meta["source"])]
        )
    _widths(sheet, (36, 18, 18, 40))


def _widths(sheet: Worksheet, widths: tuple[int, ...]) -> None:
    for at, width in enumerate(widths, start=1):
        sheet.column_dimensions[sheet.cell(1, at).column_letter].width = width
    for cell in sheet[1]:
        cell.font = BOLD
