"""The agents' addresses."""

from __future__ import annotations

from django.urls import path

from tickets.views.attachment import attachment
from tickets.views.mail import mail
from tickets.views.queue import tickets
from tickets.views.ticket import assign, change_details, change_status, ticket

app_name = "tickets"
urlpatterns = [
    path("", tickets, name="queue"),
    path("tickets/<str:number>/", ticket, name="ticket"),
    path("tickets/<str:number>/status/", change_status, name="status"),
    path("tickets/<str:number>/assign/", assign, name="assign"),
    path("tickets/<str:number>/details/", change_details, name="details"),
    path("tickets/<str:number>/files/<int:pk>/", attachment, name="attachment"),
    path("tickets/<str:number>/notes/<int:pk>/mail/", mail, name="mail"),
]
