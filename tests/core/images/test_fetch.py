"""What can be judged without asking anybody; the rest needs an internet of its own: tests/security/test_urls.py."""

import pytest

from core.exceptions import ImageDecodeError, ImageSourceForbidden
from core.images.fetch import fetch
from core.images.url_rules import UrlRules, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1",
        "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::127.0.0.1", "168.63.129.16", "64:ff9b::1", "64:ff9b:1::1", "fc00::1",
        "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1", "2001::1",
        "2002:7f00:1::", "3fff::1", "5f00::1", "100::1", "example.com", "", "8.8.8", "0x7f000001",
    ],
)  # fmt: skip
def test_what_is_not_on_the_public_internet_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"])
def test_public_addresses_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost/", "https://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/",
        "http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://0/", "http://169.254.169.254/latest/meta-data",
        "ftp://8.8.8.8/", "file:///etc/passwd", "http://user@8.8.8.8/", "http:///path", "http://[::1", "http://",
    ],
)  # fmt: skip
def test_urls_that_lead_nowhere_public_are_forbidden(url):
    with pytest.raises(ImageSourceForbidden):
        fetch(url, max_bytes=1000, rules=UrlRules())


def test_a_name_that_does_not_exist_is_an_ordinary_failure():
    with pytest.raises(ImageDecodeError):
        fetch("http://nothing.invalid/", max_bytes=1000, rules=UrlRules())
