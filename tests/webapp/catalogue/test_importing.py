"""Files of prices: read in three formats, shown with their differences, refused with reasons, taken in once."""

from __future__ import annotations

import io
import zipfile
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories import Cast
from webapp.catalogue.importing import refresh
from webapp.catalogue.importing.batches import batch_changes, batch_show, batch_take
from webapp.catalogue.importing.reading import NotReadable
from webapp.catalogue.models import ImportBatch, Price
from webapp.catalogue.services import offers_fresh

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
OWN = """provider,accelerator,count,term,region,price_per_accelerator_hour,currency,usd_per_currency,tax_included,date
Alpha,H100 SXM,8,on-demand,eu-1,2.00,USD,,no,2026-11-20
Alpha,H100 SXM,8,spot,eu-1,1.00,EUR,1.10,yes,2026-11-20
Alpha,Chip of the Future,1,on-demand,,9.00,USD,,no,2026-11-20
Alpha,H100 SXM,8,sometimes,eu-1,2.00,USD,,no,2026-11-20
Alpha,H100 SXM,0,on-demand,eu-1,2.00,USD,,no,2026-11-20
Alpha,H100 SXM,8,on-demand,eu-1,-2,USD,,no,2026-11-20
Alpha,H100 SXM,8,on-demand,eu-1,2.00,EUR,,no,2026-11-20
Alpha,H100 SXM,8,on-demand,eu-1,2.00,USD,,no,yesterday
Alpha,H100 SXM,8,on-demand,eu-1,2.00,USD,,no,2031-01-01
"""
SKYPILOT = """InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,Price,Region,GpuInfo,SpotPrice
cpu_4x_general,,,4.0,16.0,0.2,us-east-1,,
gpu_8x_h100_sxm5,H100-SXM,8.0,208.0,1800.0,23.92,us-east-1,"{'Gpus': [{'Name': 'H100'}]}",12.0
gpu_8x_a100_80gb_sxm4,A100-80GB-SXM,8.0,240.0,1800.0,14.32,us-west-2,,
gpu_tenth,A10,0.1,1.0,1.0,0.1,us-east-1,,
gpu_nothing,A10,1.0,1.0,1.0,,us-east-1,,
"""
GPUHUNT = """instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size
gpu_1x_a10,us-east-1,0.75,30,200.0,1,A10,24.0,False,1400.0
gpu_8x_h100_sxm5,us-east-1,23.92,208,1800.0,8,H100,80.0,True,22000.0
cpu_only,us-east-1,0.1,4,16.0,0,,,False,100.0
gpu_2x_a100,us-east-1,5.00,16,64.0,2,A100,80.0,False,
"""


@pytest.fixture(autouse=True)
def _on_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.catalogue.freshness.today", lambda: DAY)


def shown(text: str | bytes, *, name: str = "file.csv", provider: str = "") -> ImportBatch:
    content = text.encode() if isinstance(text, str) else text
    return batch_show(name=name, content=content, provider=provider, seen_on=DAY, made_by=None)


def test_own_format_takes_what_is_right_and_says_why_not_the_rest() -> None:
    batch = shown(OWN)
    assert batch.format == "own"
    assert batch.counts["added"] == 3
    assert batch.counts["refused"] == 6
    assert [line for line, _why in batch.refused] == [5, 6, 7, 8, 9, 10]
    whys = " ".join(why for _line, why in batch.refused)
    for word in ("sometimes", "count is 0", "-2", "usd_per_currency is empty", "yesterday", "has not come yet"):
        assert word in whys


def test_nothing_is_taken_in_before_it_is_confirmed_and_then_once() -> None:
    before = Price.objects.count()
    batch = shown(OWN)
    assert Price.objects.count() == before
    assert batch_take(batch=batch) == 3
    assert batch_take(batch=batch) == 0
    assert Price.objects.count() == before + 3
    euro = Price.objects.get(provider="Alpha", term="spot")
    assert (euro.amount, euro.currency, euro.usd_per_hour, euro.has_tax) == (1, "EUR", Decimal("1.1"), True)
    assert euro.rate_on == date(2026, 11, 20)
    assert Price.objects.get(accelerator_name="Chip of the Future").accelerator is None


def test_a_second_file_shows_added_changed_same_and_older() -> None:
    batch_take(batch=shown(OWN))
    header = OWN.splitlines()[0]
    again = "\n".join([
        header,
        "Alpha,H100 SXM,8,on-demand,eu-1,1.80,USD,,no,2026-11-22",
        "Alpha,H100 SXM,8,spot,eu-1,1.00,EUR,1.10,yes,2026-11-22",
        "Alpha,H100 SXM,8,on-demand,us-1,2.20,USD,,no,2026-11-22",
        "Alpha,Chip of the Future,1,on-demand,,8.00,USD,,no,2026-11-01",
    ])  # fmt: skip
    batch = shown(again)
    kinds = {(c.offer.term, c.offer.region, c.offer.accelerator): c.kind for c in batch_changes(batch)}
    assert list(kinds.values()) == ["changed", "same", "added", "older"]
    assert batch_take(batch=batch) == 3  # the same price seen later is fresh again; the older one changes nothing
    newest = [row.price for row in offers_fresh(DAY) if row.price.provider == "Alpha"]
    assert sorted(str(price.usd_per_hour) for price in newest) == ["1.100000", "1.800000", "2.200000", "9.000000"]


GPUHUNT_COLUMNS = (
    "instance_name,location,price,cpu,memory,gpu_count,gpu_name,gpu_memory,spot,disk_size,gpu_vendor,flags,cpu_arch,"
    "provider_data\n"
)
GPUHUNT_NOW = f"""{GPUHUNT_COLUMNS}\
p5.48xlarge,us-east-1,55.04,192,2048.0,8,H100,80.0,False,100.0,nvidia,,x86,{{}}
p5.48xlarge,us-east-1a,24.1,192,2048.0,8,H100,80.0,True,100.0,nvidia,,x86,{{}}
m5.large,us-east-1,0.096,2,8.0,0,,,False,,,,x86,{{}}
v5litepod-8,us-west4,9.6,32,256.0,8,v5litepod,16.0,False,100.0,google,,x86,{{}}
MI300X,EU-RO-1,2.49,24,256.0,1,MI300X,192.0,False,,amd,runpod-cluster,x86,"{{""pod_counts"": [1, 2]}}"
h100.64,it-1,2.1,32,256.0,1,H100,64.0,False,100.0,nvidia,,x86,{{}}
gpu_1x_gh200,us-east-3,1.49,64,432.0,1,GH200,96.0,False,4096.0,nvidia,,arm,{{}}
"""


def test_skypilot_prices_are_per_instance_and_become_per_accelerator() -> None:
    batch = shown(SKYPILOT, provider="lambda")
    assert batch.format == "skypilot"
    assert batch.counts == {"added": 3, "changed": 0, "same": 0, "older": 0, "refused": 2, "without": 1}
    batch_take(batch=batch)
    h100 = Price.objects.get(provider="lambda", term="on-demand", instance="gpu_8x_h100_sxm5")
    assert h100.usd_per_hour == Decimal("2.99")
    assert h100.accelerator.name == "H100 SXM"  # type: ignore[union-attr]
    assert Price.objects.get(provider="lambda", term="spot").usd_per_hour == Decimal("1.5")
    assert Price.objects.get(instance="gpu_8x_a100_80gb_sxm4").accelerator.name == "A100 80GB SXM"  # type: ignore[union-attr]


def test_skypilot_files_do_not_name_their_provider() -> None:
    batch = shown(SKYPILOT)
    assert batch.counts["added"] == 0
    assert "name a provider" in batch.refused[0][1]


def test_gpuhunt_archive_names_providers_by_its_files() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("lambdalabs.csv", GPUHUNT)
        archive.writestr("oci.csv", GPUHUNT.replace("0.75", "0.95"))
    batch = shown(out.getvalue(), name="catalog.zip")
    assert batch.format == "gpuhunt"
    batch_take(batch=batch)
    assert Price.objects.get(provider="oci", instance="gpu_1x_a10").usd_per_hour == Decimal("0.95")
    h100 = Price.objects.get(provider="lambdalabs", instance="gpu_8x_h100_sxm5")
    assert (h100.term, h100.count, h100.usd_per_hour) == ("spot", 8, Decimal("2.99"))
    assert Price.objects.get(provider="oci", instance="gpu_2x_a100").accelerator.memory_bytes == 80e9  # type: ignore[union-attr]


def test_gpuhunt_rows_of_its_present_format() -> None:
    """As gpuhunt 0.1.34 writes them; a form that is not in the catalogue is not taken for another form of its name."""
    batch = shown(GPUHUNT_NOW, name="aws.csv")
    assert batch.counts["refused"] == 0
    named = {row["instance"]: (row["accelerator"], row["is_known"]) for row in batch.rows}
    assert named == {
        "p5.48xlarge": ("H100 SXM", True), "gpu_1x_gh200": ("GH200 96GB", True), "h100.64": ("H100 64GB", False),
        "v5litepod-8": ("TPU v5e", True), "MI300X": ("MI300X", True),
    }  # fmt: skip
    assert {(row["term"], row["amount"]) for row in batch.rows if row["instance"] == "p5.48xlarge"} == {
        ("on-demand", "6.880000"), ("spot", "3.012500"),
    }  # fmt: skip


def test_refresh_that_gets_no_answer_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refresh, "MOST_SECONDS", 0.0)
    with pytest.raises(NotReadable, match="no answer in 0 seconds"):
        refresh.refresh(made_by=None)


def test_refresh_reads_what_the_package_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    item = {
        "provider": "oci", "instance_name": "BM.GPU.H100.8", "location": "eu", "price": 80.0, "cpu": 112,
        "memory": 2048.0, "gpu_count": 8, "gpu_name": "H100", "gpu_memory": 80.0, "spot": False,
    }  # fmt: skip
    monkeypatch.setattr(refresh, "_fetched", lambda: [item])
    batch = refresh.refresh(made_by=None)
    assert batch.counts["added"] == 1
    assert batch.rows[0]["provider"] == "oci"
    assert Decimal(batch.rows[0]["amount"]) == 10


def test_refresh_without_package_or_network_says_so(cast: Cast) -> None:
    cast.alice.is_staff = True
    cast.alice.save()
    page = cast.client(cast.alice).post("/prices/import/refresh/", follow=True).content.decode()
    assert "upload a file of" in page


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a,b\n1,2\n", "columns"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"", "columns"),
        (SKYPILOT.splitlines()[0].encode(), "no row"),
    ],
)
def test_files_that_cannot_be_read_are_refused_as_a_whole(content: bytes, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        shown(content)


def test_upload_preview_and_take_in_the_browser(cast: Cast) -> None:
    cast.alice.is_staff = True
    cast.alice.save()
    browser = cast.client(cast.alice)
    seen = DAY - timedelta(days=1)  # before the day that the tests fix, and before any later one
    file = SimpleUploadedFile("vms.csv", SKYPILOT.encode(), content_type="text/csv")
    answer = browser.post("/prices/import/", {"file": file, "provider": "lambda", "seen_on": seen.isoformat()})
    assert answer.status_code == 302, answer.content
    page = browser.get(answer["Location"]).content.decode()
    assert 'data-count="added">3<' in page
    assert "a share of one cannot be compared" in page
    taken = browser.post(f"{answer['Location']}take/", {"do": "take"}, follow=True).content.decode()
    assert "3 prices were taken in" in taken
    assert Price.objects.filter(provider="lambda", seen_on=seen).count() == 3


def test_own_csv_can_be_read_back(cast: Cast) -> None:
    text = cast.client(cast.vera).get("/prices/prices.csv").content.decode()
    batch = shown(text)
    assert batch.counts["refused"] == 0
    assert batch.counts["changed"] == 0
    assert batch.counts["same"] > 150
