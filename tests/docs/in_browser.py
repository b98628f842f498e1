"""Pages opened in a browser, in windows of several sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

WIDTHS = {"desktop": (1280, 900), "tablet": (896, 1100), "phone": (358, 844)}


def opened(browser: Any, page: Path, width: str = "desktop") -> Any:
    """The page in a window of that size."""
    size = WIDTHS[width]
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": width == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())
    # On a busy machine the driver may return before the page is there.
    there = "return location.href === arguments[0] && document.readyState === 'complete'"
    wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
    wait(browser, 300).until(lambda b: b.execute_script(there, page.as_uri()))
    return browser
