"""What is clicked and shown in a notebook; decides nothing."""

from kvmbench.widgets.predict import predict

__all__ = ["predict"]
