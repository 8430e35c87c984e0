"""`kangyun institutions`, `departments`, `dictionaries` and `divisions`, on a real database."""

import io
import stat

import pytest
from openpyxl import Workbook, load_workbook
from typer.testing import CliRunner

from kangyun.cli.main import app
from kangyun.fhir.china.institution_codes import credit_check

CREDIT = "12330103470332560"
CREDIT += credit_check(CREDIT)
HEALTH = "47033256033018311A2221"
INSTITUTIONS = (
    "机构名称", "统一社会信用代码", "卫生机构代码", "院区编码", "上级机构", "机构类别", "级别", "等次", "行政区划",
    "地址", "电话", "状态",
)  # fmt: skip
COUNTY = ("县人民医院", CREDIT, HEALTH, "", "", "综合医院", "三级", "甲等", "330103", "体育场路1号", "0571-1", "")
CAMPUS = ("县人民医院东院区", "", "", "E", CREDIT, "", "", "", "330102001", "东路2号", "", "")
STATION = ("清波卫生站", "", "47033256033010211D6001", "", CREDIT, "D600", "", "", "330102001051", "", "", "停用")
DEPARTMENTS = ("机构", "科室编码", "科室名称", "院区编码", "上级科室", "诊疗科目", "卫统业务科室", "对外服务")
INNER = (CREDIT, "0301", "内科", "", "", "03", "", "是")
HEART = (CREDIT, "030104", "心内科", "E", "0301", "心血管内科", "", "")
MAPS = ("机构", "本地字典", "本地编码", "本地名称", "国家字典", "国家编码", "关系")
MAN, WOMAN = (CREDIT, "sex", "M", "男", "GB/T 2261.1", "1", ""), (CREDIT, "sex", "F", "女", "GB/T 2261.1", "2", "等同")
BY = ("--by", "system-administrator")


@pytest.fixture
def run(installation):
    """Runs the command line and returns status and output."""
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, ["--lang", "zh", *arguments])
        return done.exit_code, done.output.replace("\n", "")

    assert run_("init")[0] == 0
    return run_


@pytest.fixture
def listed(tmp_path):
    """Writes a workbook: `listed(header, rows)`."""

    def write(header, rows, name="名单.xlsx"):
        book = Workbook()
        book.active.title = "清单"
        for row in (header, *rows):
            book.active.append(list(row))
        book.save(tmp_path / name)
        return name

    return write


@pytest.fixture
def registered(run, listed):
    """A region with one institution and a campus of it."""
    file = listed(INSTITUTIONS, [(COUNTY[0], CREDIT, "", *COUNTY[3:8], "330102", *COUNTY[9:]), CAMPUS], "机构.xlsx")
    assert run("institutions", "import", file, *BY)[0] == 0
    return run


def organizations(resources):
    return {one["name"]: one for one in resources().values() if one["resourceType"] == "Organization"}


def test_a_list_of_institutions_is_tried_and_carried_out_once(run, listed, resources, rows):
    file = listed(INSTITUTIONS, [CAMPUS, COUNTY])
    status, told = run("institutions", "import", file, *BY, "--dry-run")
    assert (status, "将新增 2" in told) == (0, True)
    assert "下城区自 2021 年起已撤销，后继：330105" in told
    assert organizations(resources) == {}
    status, told = run("institutions", "import", file, *BY)
    assert (status, "新增 2，变更 0，无变化 0" in told) == (0, True)
    found = organizations(resources)
    county, campus = found["县人民医院"], found["县人民医院东院区"]
    assert {one["value"] for one in county["identifier"]} == {CREDIT, HEALTH}
    assert {one["coding"][0]["code"] for one in county["type"]} == {"prov", "A100", "3", "1"}
    assert county["address"][0]["text"] == "浙江省杭州市下城区体育场路1号"
    assert campus["partOf"]["reference"].endswith(f"Organization/{county['id']}")
    assert campus["identifier"] == [{"system": "urn:kangyun:identifier:campus", "value": f"{CREDIT}/E"}]
    assert "无变化 2" in run("institutions", "import", file, *BY)[1]
    assert {one["meta"]["versionId"] for one in organizations(resources).values()} == {"1"}
    assert rows("SELECT DISTINCT actor FROM audit WHERE action LIKE 'institutions-%'") == [
        ("Practitioner/system-administrator",)
    ]
    changed = listed(INSTITUTIONS, [(*COUNTY[:10], "0571-2", "停用")])
    assert "变更 1" in run("institutions", "import", changed, *BY)[1]
    assert organizations(resources)["县人民医院"]["active"] is False


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ((COUNTY[0], CREDIT[:-1] + "0", *COUNTY[2:]), "校验位不对"),
        ((COUNTY[0], CREDIT[:-1], *COUNTY[2:]), "现为 17 位"),
        ((COUNTY[0], CREDIT, HEALTH[:-1], *COUNTY[3:]), "现为 21 位"),
        ((COUNTY[0], "", "", *COUNTY[3:]), "没有任何机构编码"),
        (("", *COUNTY[1:]), "“机构名称”不能为空"),
        ((*COUNTY[:5], "什么医院", *COUNTY[6:]), "不在《卫生机构（组织）类别代码》中"),
        ((*COUNTY[:8], "999999", *COUNTY[9:]), "虚构区划"),
        ((*COUNTY[:8], "330199", *COUNTY[9:]), "不是行政区划代码"),
        ((*COUNTY[:11], "歇业"), "应为以下之一：在用、停用"),
        ((*COUNTY[:4], "没有的", *COUNTY[5:]), "没有对应的在用机构"),
        (("东院", CREDIT, "", "E", CREDIT, *COUNTY[5:]), "不填机构编码"),
        (("东院", "", "", "E", "", *COUNTY[5:]), "须填所属机构"),
        ((COUNTY[0], CREDIT, 470332560330183112, *COUNTY[3:]), "Excel 已丢失末尾数字"),
    ],
)
def test_one_wrong_row_stops_the_list_and_says_where_and_what(run, listed, resources, tmp_path, row, wanted):
    file = listed(INSTITUTIONS, [row, ("另一家", "", "", "", "", "", "", "", "", "", "", "")])
    status, told = run("institutions", "import", file, *BY)
    assert status == 1
    assert wanted in told
    assert "工作表“清单”第 2 行" in told
    assert "整份名单未写入" in told
    assert CREDIT not in told
    assert organizations(resources) == {}
    done = tmp_path / "名单.done.xlsx"
    assert stat.S_IMODE(done.stat().st_mode) == 0o600
    assert len(list(load_workbook(io.BytesIO(done.read_bytes()))["未通过"].iter_rows())) == 3


def test_the_same_code_twice_is_a_fault_and_a_code_of_two_institutions_a_question(registered, listed):
    status, told = registered("institutions", "import", listed(INSTITUTIONS, [COUNTY, COUNTY]), *BY)
    assert (status, "与第 2 行重复" in told) == (1, True)


def test_nothing_comes_to_stand_below_what_stands_below_it(run, listed):
    header = ("机构名称", "本地编码", "上级机构")
    chain = [(f"院{n}", f"L{n}", f"L{n - 1}" if n else "") for n in range(4)]
    assert run("institutions", "import", listed(header, chain), *BY)[0] == 0
    status, told = run("institutions", "import", listed(header, [("院0", "L0", "L3")]), *BY)
    assert (status, "形成循环" in told) == (1, True)


def test_what_others_wrote_into_an_institution_stays(registered, listed, resources, tmp_path):
    county = organizations(resources)["县人民医院"]
    county["identifier"].append({"system": "urn:x", "value": "7"})
    county["alias"] = ["县医院"]
    (tmp_path / "h.json").write_text(__import__("json").dumps(county, default=str))
    assert registered("load", "h.json")[0] == 0
    assert "变更 1" in registered("institutions", "import", listed(INSTITUTIONS, [COUNTY]), *BY)[1]
    after = organizations(resources)["县人民医院"]
    assert {one["value"] for one in after["identifier"]} == {CREDIT, HEALTH, "7"}
    assert after["alias"] == ["县医院"]


def test_departments_stand_below_their_institution(registered, listed, resources):
    file = listed(DEPARTMENTS, [HEART, INNER])
    status, told = registered("departments", "import", file, *BY)
    assert (status, "新增 2" in told) == (0, True)
    found = organizations(resources)
    inner, heart = found["内科"], found["心内科"]
    assert inner["identifier"] == [{"system": "urn:oid:2.16.156.10011.1.26", "value": f"{CREDIT}-0301"}]
    assert inner["partOf"]["reference"].endswith(found["县人民医院"]["id"])
    assert heart["partOf"]["reference"].endswith(inner["id"])
    assert [one["coding"][0]["code"] for one in heart["type"]] == ["dept", "03.04", "AA03"]
    (service,) = [one for one in resources().values() if one["resourceType"] == "HealthcareService"]
    assert service["providedBy"]["reference"].endswith(inner["id"])
    assert "无变化 2" in registered("departments", "import", file, *BY)[1]
    status, told = registered("departments", "import", listed(DEPARTMENTS, [(*INNER[:7], "否")]), *BY)
    assert status == 0
    (service,) = [one for one in resources().values() if one["resourceType"] == "HealthcareService"]
    assert service["active"] is False


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (("没有的", *INNER[1:]), "没有对应的在用机构"),
        ((*INNER[:3], "W", *INNER[4:]), "没有这个院区"),
        ((*INNER[:4], "99", *INNER[5:]), "没有这个科室编码"),
        ((*INNER[:4], "0301", *INNER[5:]), "直接或间接又是它自己"),
        ((*INNER[:5], "什么科", *INNER[6:]), "不在《医疗机构诊疗科目名录》中"),
        ((*INNER[:7], "有时"), "应为以下之一：否、是"),
        ((CREDIT, "内|1", *INNER[2:]), "只能含字母"),
    ],
)
def test_faults_of_departments(registered, listed, resources, row, wanted):
    status, told = registered("departments", "import", listed(DEPARTMENTS, [row]), *BY)
    assert (status, wanted in told) == (1, True)
    assert "内科" not in organizations(resources)


def test_code_maps_become_a_code_system_and_a_map(registered, listed, resources):
    file = listed(MAPS, [MAN, WOMAN, (CREDIT, "sex", "U", "不详", "GB/T 2261.1", "", "")])
    assert registered("dictionaries", "import", file, *BY)[0] == 0
    id_ = organizations(resources)["县人民医院"]["id"]
    found = {one["resourceType"]: one for one in resources().values() if one.get("url", "").endswith(f"{id_}:sex")}
    assert set(found) == {"CodeSystem", "ConceptMap"}
    (group,) = found["ConceptMap"]["group"]
    assert group["target"] == "urn:oid:2.16.156.10011.2.3.3.4"
    assert [one["target"][0].get("code") for one in group["element"]] == ["1", "2", None]
    assert "无变化 1" in registered("dictionaries", "import", file, *BY)[1]


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ((*MAN[:5], "7", ""), "不在《人的性别代码》中"),
        ((*MAN[:4], "某标准", "1", ""), "不是平台所知的国家字典"),
        ((*MAN[:6], "相当"), "应为以下之一：等同、"),
        ((CREDIT, "性别", *MAN[2:]), "应为小写字母"),
    ],
)
def test_faults_of_code_maps(registered, listed, row, wanted):
    status, told = registered("dictionaries", "import", listed(MAPS, [row]), *BY)
    assert (status, wanted in told) == (1, True)


def test_an_abolished_division_is_a_target_with_a_remark(registered, listed):
    row = ("", "area", "0103", "下城", "GB/T 2260", "330103", "")
    status, told = registered("dictionaries", "import", listed(MAPS, [row]), *BY)
    assert (status, "已停用" in told) == (0, True)


def test_what_is_exported_changes_nothing_when_it_is_imported(registered, listed):
    assert registered("institutions", "import", listed(INSTITUTIONS, [COUNTY, STATION]), *BY)[0] == 0
    assert registered("departments", "import", listed(DEPARTMENTS, [INNER, HEART]), *BY)[0] == 0
    assert registered("dictionaries", "import", listed(MAPS, [MAN, WOMAN]), *BY)[0] == 0
    for kind, count in (("institutions", 3), ("departments", 2), ("dictionaries", 1)):
        assert registered(kind, "export", f"{kind}.xlsx", *BY)[0] == 0
        status, told = registered(kind, "import", f"{kind}.xlsx", *BY)
        assert (status, f"新增 0，变更 0，无变化 {count}" in told) == (0, True), told


def test_parts_are_found_again_when_their_institution_gets_another_code(run, listed, resources):
    header = ("机构名称", "统一社会信用代码", "本地编码", "院区编码", "上级机构")
    campus = ("东院区", "", "", "E", "H1")
    assert run("institutions", "import", listed(header, [("县医院", "", "H1", "", ""), campus]), *BY)[0] == 0
    assert run("departments", "import", listed(DEPARTMENTS, [("H1", *INNER[1:])]), *BY)[0] == 0
    assert run("institutions", "import", listed(header, [("县医院", CREDIT, "H1", "", "")]), *BY)[0] == 0
    assert "新增 0" in run("institutions", "import", listed(header, [campus]), *BY)[1]
    assert "新增 0，变更 1" in run("departments", "import", listed(DEPARTMENTS, [INNER]), *BY)[1]
    assert organizations(resources)["内科"]["identifier"][0]["value"] == f"{CREDIT}-0301"
    assert len(organizations(resources)) == 3


def test_templates(run, tmp_path):
    for kind, title in (("institutions", "机构"), ("departments", "科室"), ("dictionaries", "字典对照")):
        assert run(kind, "template", f"{kind}.xlsx")[0] == 0
        assert load_workbook(tmp_path / f"{kind}.xlsx").sheetnames == [title, "填写说明"]
        assert run(kind, "template", f"{kind}.xlsx")[0] != 0


def test_the_reference_of_a_new_institution_is_said_once(run, listed):
    file = listed(INSTITUTIONS, [COUNTY])
    status, told = run("institutions", "import", file, *BY)
    assert (status, f"{COUNTY[0]}  Organization/" in told) == (0, True)
    assert "Organization/" not in run("institutions", "import", file, *BY)[1]


def test_a_demonstration_may_have_the_fictitious_division(run, listed, monkeypatch):
    monkeypatch.setenv("KANGYUN_DEMO", "true")
    assert run("institutions", "import", listed(INSTITUTIONS, [(*COUNTY[:8], "990101", *COUNTY[9:])]), *BY)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "status", "wanted"),
    [
        (("show", "330103"), 0, "后继：330105"),
        (("show", "330103", "--on", "2024-01-01"), 1, "没有这个行政区划代码"),
        (("show", "330102001051"), 0, "清波门社区"),
        (("show", "990101"), 0, "不是任何地方"),
        (("find", "杭州 西湖"), 0, "330106"),
        (("find", "没有的地方"), 1, ""),
        (("find", "灵隐街道", "--below"), 0, "330106012"),
    ],
)
def test_divisions_are_asked_about(installation, arguments, status, wanted):
    done = CliRunner().invoke(app, ["--lang", "zh", "divisions", *arguments])
    assert (done.exit_code, wanted in done.output) == (status, True)
