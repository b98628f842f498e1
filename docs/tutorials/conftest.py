"""Files of tutorials that are run elsewhere: this one needs the plugin, which is off in other runs."""

collect_ignore = ["test_mine.py"]
