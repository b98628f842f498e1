"""Copies along references; knows no framework."""
