"""HTML pages, their charts and their elements, shared by every verb that has a page."""
