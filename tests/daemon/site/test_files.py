"""`config.ini`, and client information files."""

import json
from pathlib import Path

import pytest

from ame import errors
from ame.daemon.site.config import Config
from ame.daemon.site.info import Info


def test_a_configuration_says_where_everything_is(tmp_path: Path) -> None:
    file = tmp_path / "config.ini"
    file.write_text(
        "[client.broker]\nhost=a\nport=1\n[server.broker]\nhost=b\nport=2\nuser=u\npassword=p%1\n"
        "[server.gateway]\nport=3\n[events]\nregister_events=true\n"
        "[client.params]\nrequest_interval=4\n"
    )

    assert Config.read(file) == Config(
        client_broker="amqp://a:1",
        server_broker="amqp://u:p%1@b:2",
        server_host="b",
        gateway_port=3,
        events=True,
        interval=4.0,
    )
    assert Config.read(file).gateway == "http://b:3"


def test_what_a_configuration_does_not_say_is_as_it_has_always_been(tmp_path: Path) -> None:
    file = tmp_path / "config.ini"
    file.write_text("")

    assert Config.read(file) == Config()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("host=a", "section"),
        ("[server.broker]\nport=", r"\[server\.broker\] port"),
        ("[server.gateway]\nport=x", r"\[server\.gateway\] port"),
        ("[server.gateway]\nport=70000", "65535"),
        ("[client.params]\nrequest_interval=0", "request_interval"),
        ("[events]\nregister_events=perhaps", r"\[events\] register_events"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "config.ini"
    file.write_text(text)

    with pytest.raises(errors.SiteConfigInvalid, match=rf"config\.ini: .*{told}"):
        Config.read(file)


def test_information_is_sent_when_it_has_changed_and_without_what_is_none(tmp_path: Path) -> None:
    info = Info(work=tmp_path, id="a")
    info.write({"data_qnt": 3})
    file = tmp_path / "client_info" / "a_info.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "avg_acc_contrib": None}))

    assert info.changed() == {"user_id": "a", "data_qnt": 3}
    info.sent(info.changed())
    assert info.changed() is None
    info.write({"sensors": ["camera"]})
    assert info.changed() == {"user_id": "a", "data_qnt": 3, "sensors": ["camera"]}


@pytest.mark.parametrize("text", ["", "[]", '{"data_qnt": "many"}', '{"more": 1}'])
def test_information_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    info = Info(work=tmp_path, id="a")
    info.write({})
    info.path.write_text(text)

    with pytest.raises(errors.SiteConfigInvalid, match=r"a_info\.json"):
        info.changed()


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".."])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(errors.SiteConfigInvalid, match="user_id"):
        Info(work=tmp_path, id=name).write({})
