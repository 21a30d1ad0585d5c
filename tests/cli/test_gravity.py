import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tonewatch.cli.main import app

runner = CliRunner()


def test_json_of_standard_input() -> None:
    result = runner.invoke(
        app, ["gravity", "--json", "-"], input="there is a fire\n\nwrong number\n"
    )
    assert result.exit_code == 0
    judged = json.loads(result.stdout)
    assert [each["text"] for each in judged] == ["there is a fire", "wrong number"]
    for each in judged:
        assert set(each) == {"text", "gravity", "probabilities", "matched", "emotion"}
    assert [each["gravity"] for each in judged] == ["High", "Low"]
    assert judged[0]["matched"][0]["text"] == "there is a fire"


def test_file_to_file_and_a_table(tmp_path: Path) -> None:
    text, out = tmp_path / "calls.txt", tmp_path / "out.json"
    text.write_text("Meine Tochter wird vermisst – seit gestern.\n", encoding="utf-8")
    result = runner.invoke(app, ["gravity", str(text), "--json", str(out)], env={"COLUMNS": "160"})
    assert result.exit_code == 0
    assert "Medium" in result.stdout
    assert json.loads(out.read_text(encoding="utf-8"))[0]["gravity"] == "Medium"


@pytest.mark.parametrize("content", [b"", b" \n...\n", b"\xff\xfe\x00"])
def test_no_text_is_wrong_usage(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "calls.txt"
    path.write_bytes(content)
    result = runner.invoke(app, ["gravity", str(path)])
    assert result.exit_code == 2
    assert "expected" in result.stderr


def test_missing_files_are_wrong_usage(tmp_path: Path) -> None:
    assert runner.invoke(app, ["gravity", str(tmp_path / "none")]).exit_code == 2
    out = tmp_path / "none" / "out.json"
    result = runner.invoke(app, ["gravity", "--json", str(out)], input="a fire")
    assert result.exit_code == 2
    assert "a folder that exists" in " ".join(result.stderr.replace("│", " ").split())


def test_judgements_do_not_replace_the_texts(tmp_path: Path) -> None:
    texts = tmp_path / "calls.txt"
    texts.write_text("there is a fire\n")
    result = runner.invoke(app, ["gravity", str(texts), "--json", str(texts)])
    assert (result.exit_code, texts.read_text()) == (2, "there is a fire\n")
