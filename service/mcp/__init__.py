"""Agents' skin: the verbs that only read, as tools of the Model Context Protocol."""
