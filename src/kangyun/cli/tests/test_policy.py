"""`kangyun policy`: what is wrong with a region's own files is named before it serves by them."""

from typer.testing import CliRunner

from kangyun.access.policy import shipped_text
from kangyun.cli.main import app

RUN = CliRunner()


def test_the_shipped_policy_can_be_used_and_is_shown():
    checked = RUN.invoke(app, ["policy", "check", "--data", "/nonexistent"])
    assert checked.exit_code == 0, checked.output
    assert "doctor" in checked.output
    assert RUN.invoke(app, ["policy", "show"]).output.strip() == shipped_text().strip()


def test_what_is_wrong_is_named(tmp_path):
    for old, new, place in (
        ('purposes = ["TREAT", "ETREAT"]', 'purposes = ["TREATMENT"]', "TREATMENT"),
        ('"@clinical", "@open"', '"@clinic"', "@clinic"),
        ('closed = ["@sensitive"]', 'closed = ["@secret"]', "@secret"),
        ("hours = 4", "hours = 0", "hours"),
        ("hours = 4", "hours = 1e9", "hours"),
        ("hours = 4", "hours = inf", "hours"),
        ("hours = 4", "hours = nan", "hours"),
        ("[grounds.emergency]", "[grounds.emergencyy]", "emergencyy"),
        ('default = "permit"', 'default = "perhaps"', "consent.default"),
        ("[roles.doctor]", "[roles.doctor]\nlikes = 1", "likes"),
    ):
        (tmp_path / "policy.toml").write_text(shipped_text().replace(old, new, 1), "utf-8")
        checked = RUN.invoke(app, ["policy", "check", "--data", str(tmp_path)])
        assert checked.exit_code == 1
        assert place in str(checked.exception.issues[0].parameters), old
