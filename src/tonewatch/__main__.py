"""Runs the command line as `python -m tonewatch`."""

from tonewatch.cli.main import app

if __name__ == "__main__":
    app(prog_name="tonewatch")
