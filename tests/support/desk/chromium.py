"""A headless Chromium, as Debian's packages `chromium` and `chromium-driver` have it; nothing is downloaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1280,860",
)


def start_chromium(profile: Path) -> webdriver.Chrome:
    """Starts a browser with a profile of its own; skips where there is none."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("no Chromium: Debian has the packages chromium and chromium-driver")
    options = Options()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


def set_media(chromium: webdriver.Chrome, **features: str) -> None:
    """Sets what a person prefers: `prefers_color_scheme="dark"`, `prefers_reduced_motion="reduce"`."""
    named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})


def set_scripts(chromium: webdriver.Chrome, *, run: bool) -> None:
    """Lets the scripts of pages run, or not."""
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not run})
