"""A class on JupyterHub: each student has a server, a bench and limits of their own.

# jupyterhub_config.py
from kvmbench import hub
hub.configure(c)
"""

from kvmbench.hub.configuration import configure

__all__ = ["configure"]
