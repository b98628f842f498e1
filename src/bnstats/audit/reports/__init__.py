"""Reports of an audit: text, plain data and a page."""
