"""A job on a machine that a provider bills takes of the team's contract with it: reserved hours first, then credits."""

from __future__ import annotations

from decimal import Decimal

from webapp.catalogue.contracts import Bill, contract_bill, contract_for
from webapp.catalogue.models import Contract, ContractUse
from webapp.costs.models import Machine
from webapp.costs.prices import HourPrice
from webapp.jobs.models import Attempt


def contract_use(attempt: Attempt, machine: Machine, price: HourPrice, device_hours: Decimal) -> Bill | None:
    """Write down what an ended attempt takes of a contract, and return its bill; None where no contract bears it.

    Called in the transaction that writes the ledger. The contract's row is locked, so that two attempts that end at
    once cannot both take its last hour.
    """
    day = attempt.started_at.date()
    found = contract_for(attempt.job.team, provider=machine.provider, device=machine.device, on=day)
    if found is None:
        return None
    contract = Contract.objects.select_for_update().get(pk=found.pk)
    bill = contract_bill(contract, hours=float(device_hours), list_usd_per_hour=price.billed_usd, on=day)
    if bill.reserved_hours or bill.credits_usd:
        ContractUse.objects.create(
            contract=contract, used_on=day, hours=bill.reserved_hours, credits_usd=bill.credits_usd,
            note=str(attempt.job)[:200],
        )  # fmt: skip
    return bill
