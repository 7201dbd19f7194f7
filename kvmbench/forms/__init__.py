"""What is filled in and what is listed: the decisions behind the widgets, without widgets."""

from kvmbench.forms.creating import Stage, create
from kvmbench.forms.draft import Draft, first_draft
from kvmbench.forms.field import Field
from kvmbench.forms.form import Form, Judged, carry_out, judge, judge_here, read
from kvmbench.forms.rows import GuestRow, actions_for, guest_rows
from kvmbench.forms.small import FORMS

__all__ = [
    "FORMS",
    "Draft",
    "Field",
    "Form",
    "GuestRow",
    "Judged",
    "Stage",
    "actions_for",
    "carry_out",
    "create",
    "first_draft",
    "guest_rows",
    "judge",
    "judge_here",
    "read",
]
