"""What pytest leaves alone: the script that makes reference numbers needs the frameworks that it asks."""

collect_ignore_glob = ["data/*"]
