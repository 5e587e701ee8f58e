"""Proxies: a list, a form, and the way through one of them tried."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from mailchannel.admin.fields import SecretField
from mailchannel.admin.probe import too_often
from mailchannel.models import MailServer, Proxy
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.services import audit, proxies

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Proxy]  # a type argument the class does not take at run time
    Form = forms.ModelForm[Proxy]
else:
    Base = admin.ModelAdmin
    Form = forms.ModelForm


#: As wide as the admin shows text.
WIDE = "vTextField"


def _password_field(*, stored: bool, remark: str = "") -> SecretField:
    text = "Stored encrypted and never shown. On the line between us and the proxy everybody can read it."
    made = SecretField(stored=stored, required=False, max_length=1_000, help_text=f"{remark} {text}".strip())
    made.widget.attrs["class"] = WIDE
    return made


class ProxyForm(Form):
    class Meta:
        model = Proxy
        fields = ("name", "kind", "host", "port", "username")
        widgets: ClassVar = {"port": forms.NumberInput(attrs={"class": WIDE})}
        error_messages: ClassVar = {"name": {"unique": "Another proxy has this name already. Choose another one."}}

    password = _password_field(stored=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.before = copy(self.instance)
        try:
            stored = bool(self.instance.secrets)
        except SecretUnreadable as error:
            self.fields[proxies.PASSWORD] = _password_field(stored=True, remark=str(error))
        else:
            self.fields[proxies.PASSWORD] = _password_field(stored=stored)

    def clean_host(self) -> str:
        return proxies.host(self.cleaned_data["host"])

    def clean(self) -> dict[str, Any]:
        super().clean()
        typed = self.cleaned_data
        password = typed.get(proxies.PASSWORD) or ""
        for name, text in proxies.problems(typed, password).items():
            self.add_error(name, text)
        kept = typed.get("username") and not password
        if kept and not self.errors and proxies.needs_it_again(self.before, typed):
            self.add_error(proxies.PASSWORD, proxies.TYPE_AGAIN)
        return typed


@admin.register(Proxy)
class ProxyAdmin(Base):
    form = ProxyForm
    list_display = ("name", "kind", "host", "port", "username", "used_by")
    search_fields = ("name", "host")
    actions = None
    fields = ("name", "kind", "host", "port", "username", "password", "used_by")
    readonly_fields = ("used_by",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Proxy]:
        """What a form is compared with stays as it is until the form is saved."""
        rows = super().get_queryset(request)
        return rows.select_for_update() if request.method == "POST" and connection.in_atomic_block else rows

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Proxies", **(extra_context or {})})

    @method_decorator(sensitive_post_parameters("password"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        title = "Proxy" if object_id else "New proxy"
        return super().changeform_view(request, object_id, form_url, {"title": title, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        tried = path("<int:pk>/try/", self.admin_site.admin_view(self.try_view), name="mailchannel_proxy_try")
        return [tried, *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **how: Any) -> HttpResponse:
        proxy = how.get("obj")
        if proxy is not None and self.has_change_permission(request, proxy):
            context["can_be_reached"] = [each for each in MailServer.objects.defer("secrets") if proxies.place(each)]
        return super().render_change_form(request, context, *args, **how)

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Goes through the stored proxy to a mail server somebody has configured, and no further."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        proxy = get_object_or_404(Proxy, pk=pk)
        if not self.has_change_permission(request, proxy):
            raise PermissionDenied
        server = MailServer.objects.filter(pk=_number(request.POST.get("server", ""))).first()
        if server is None:
            messages.error(request, "Choose the mail server to connect to.")
        elif too_often(request):
            messages.warning(request, "That was a lot of tests. Wait a minute and try again.")
        else:
            audit.record(proxy, by=_person(request), message=f"Tested the way to {server}.")
            through, text = proxies.try_out(proxy, server)
            (messages.success if through else messages.error)(request, text)
        return redirect("admin:mailchannel_proxy_change", proxy.pk)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """One that is used stays, and whoever wanted it gone reads by whom."""
        proxy = self.get_object(request, object_id)
        if proxy is not None and not self.has_delete_permission(request, proxy):
            raise PermissionDenied
        if proxy is not None and (refusal := proxies.in_use(proxy)):
            messages.error(request, refusal)
            return redirect("admin:mailchannel_proxy_change", proxy.pk)
        return super().delete_view(request, object_id, extra_context)

    def save_model(self, request: HttpRequest, obj: Proxy, form: Any, change: bool) -> None:
        typed = form.cleaned_data.get(proxies.PASSWORD)
        proxies.save(obj, typed or None, by=_person(request))

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The service has recorded it already."""

    log_change = log_addition

    @admin.display(description="Used by")
    def used_by(self, proxy: Proxy) -> str:
        return ", ".join(proxies.used_by(proxy)) if proxy.pk else "–"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _person(request: HttpRequest) -> Any:
    """Somebody who is signed in: the admin lets nobody else through."""
    return request.user
