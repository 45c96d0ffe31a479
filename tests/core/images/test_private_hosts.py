import ipaddress

import pytest

from core.images.private_hosts import PrivateHost, parse_private_host
from core.images.url_rules import UrlRules
from core.settings import SettingsError, load_settings

WEB = (80, 443)


@pytest.mark.parametrize(
    ("entry", "host", "ports"),
    [
        ("cam.lan", "cam.lan", WEB),
        ("CAM.lan.", "cam.lan", WEB),
        ("cam_1:8080", "cam_1", (8080,)),
        ("192.168.1.7", "192.168.1.7/32", WEB),
        ("192.168.1.0/24", "192.168.1.0/24", WEB),
        ("192.168.1.0/24:8080", "192.168.1.0/24", (8080,)),
        ("fd00::1", "fd00::1/128", WEB),
        ("fd00::1:8080", "fd00::1:8080/128", WEB),
        ("fd00::/8", "fd00::/8", WEB),
        ("[fd00::1]", "fd00::1/128", WEB),
        ("[fd00::1]:8080", "fd00::1/128", (8080,)),
        ("[fd00::/8]:8080", "fd00::/8", (8080,)),
    ],
)
def test_an_entry_is_a_name_or_a_network_with_its_ports(entry, host, ports):
    expected = ipaddress.ip_network(host) if "/" in host else host
    assert parse_private_host(entry) == PrivateHost(expected, ports)


@pytest.mark.parametrize(
    "entry",
    [
        "http://cam.lan", "cam.lan/x", "cam lan", "*", "*.lan", "cam.lan:", "cam.lan:0", "cam.lan:65536", "[]",
        "192.168.1.7/24", "192.168.1", "192.168.1.256", "0x7f.1", "10.0.0.0/33", "[fd00::1", "fd00::1]:80",
        "[cam.lan]:80", "cam.lan:http", "cam..lan", ".", "user@cam.lan",
    ],
)  # fmt: skip
def test_anything_else_is_refused_at_the_start(entry, monkeypatch):
    monkeypatch.setenv("URL_PRIVATE_HOSTS", f"10.0.0.1,{entry}")
    with pytest.raises(SettingsError, match="URL_PRIVATE_HOSTS"):
        load_settings()


@pytest.mark.parametrize("ports", ["", "0", "65536", "80,http", "-1"])
def test_a_port_that_is_none_is_refused_at_the_start(ports, monkeypatch):
    monkeypatch.setenv("URL_ALLOWED_PORTS", ports)
    with pytest.raises(SettingsError, match="URL_ALLOWED_PORTS"):
        load_settings()


def test_entries_and_ports_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("URL_PRIVATE_HOSTS", "cam.lan:8080, [fd00::1]:81")
    monkeypatch.setenv("URL_ALLOWED_PORTS", "443, 8443")
    settings = load_settings()
    assert settings.url_private_hosts == ("cam.lan:8080", "[fd00::1]:81")
    assert settings.url_allowed_ports == (443, 8443)


@pytest.mark.parametrize(
    ("entry", "address", "allowed"),
    [
        ("cam.lan", "192.168.1.7", True),
        ("cam.lan", "100.64.0.1", True),
        ("cam.lan", "fd00::1", True),
        ("cam.lan", "93.184.216.34", True),
        ("cam.lan", "127.0.0.1", False),
        ("cam.lan", "::1", False),
        ("cam.lan", "0.0.0.0", False),
        ("cam.lan", "169.254.169.254", False),
        ("cam.lan", "fe80::1%eth0", False),
        ("cam.lan", "100.100.100.200", False),
        ("cam.lan", "168.63.129.16", False),
        ("cam.lan", "fd00:ec2::254", False),
        ("cam.lan", "::ffff:192.168.1.7", False),
        ("cam.lan", "224.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("169.254.0.0/16", "169.254.169.254", True),
        ("0.0.0.0/0", "::ffff:192.168.1.7", False),
    ],
)
def test_a_name_leads_to_private_networks_and_an_address_to_itself(entry, address, allowed):
    rules = UrlRules(private_hosts=(parse_private_host(entry),))
    assert rules.allows_address(address, "cam.lan", 80) is allowed
