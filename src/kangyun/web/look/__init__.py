"""The doctor's look (诊间调阅) over HTTP: a ticket for a hospital's server, one page for the doctor's browser."""

from kangyun.web.look.routes import frames_of, look_routes

__all__ = ["frames_of", "look_routes"]
