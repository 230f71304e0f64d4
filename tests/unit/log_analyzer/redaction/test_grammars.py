"""Secrets go by the grammar that they stand in, whatever they are; what stands for one stays."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from log_analyzer.redaction.identity_documents import passes_cpf, passes_rut
from log_analyzer.redaction.redactor import redact

# Signs that no mask, variable or quoting is made of.
_SIGNS = string.ascii_letters + string.digits + "!#+"
secrets = st.text(alphabet=_SIGNS, min_size=6, max_size=24).map(lambda text: f"Q7{text}k9")
tokens = st.text(alphabet=string.ascii_letters + string.digits, min_size=20, max_size=60).map(
    lambda text: f"Zq8W{text}"
)

ASSIGNED = (
    "password={}",
    "db.password = {}",
    '"password":"{}"',
    "'password': '{}',",
    '\\"password\\":\\"{}\\"',
    "user=a;Password={};x=1",
    "?password={}&x=1",
    "User(password={}, x=1)",
    "map[password:{} x:1]",
    "password: !!str {}",
    "password: |\n  {}",
    '["password"]=> string(11) "{}"',
    's:8:"password";s:11:"{}";',
    '"password":{{"value":"{}"}}',
    "{{.data.password}} => {}",
    "WITH PASSWORD = N'{}', CHECK_POLICY = ON",
    "ENCRYPTED PASSWORD E'{}'",
    "IDENTIFIED WITH native BY '{}'",
    'identified by \\"{}\\" account unlock',
    "ENV APP_PASSWORD {}",
    "--password {} -v",
    "-e APP_PASSWORD={} image",
    "mosquitto_sub -u a -P {} -t x",
    "curl -sSLu a:{} https://x.example",
    "sqlplus app-user/{}@orcl",
    "echo {} | registry login --password-stdin",
    "PDO->__construct('mysql:host=x', 'a', '{}')",
    'new NetworkCredential("a", "{}")',
    "requests.get(u, auth=('a', '{}'))",
    'jdbc:oracle:thin:app-user/"{}"@x:1521:o',
    "amqp:\\/\\/a:{}@mq:5672",
    "rediss://{}@cache:6380",
)
SAID = (
    "token {} is expired",
    'api-key "{}" accepted',
    "Incorrect API key provided: {}",
    "license key {} in use",
    "refresh token rotated: old={} of a",
    "Authorization: Vendor {}",
    "session id {} bound to user a",
    "app_session={}; path=/",
    "[Cookie name=sid value={} domain=x]",
    '{{"grant_type":"authorization_code","code":"{}"}}',
    "redeem authorization code {} at x",
    "=> '{}' (env API_TOKEN)",
)
DOCUMENTS = (
    "PESEL {}",
    "cpf={}",
    '{{"codiceFiscale":"{}"}}',
    "numéro de sécurité sociale: {}",
    "clientBsn='{}'",
    'SIN "{}" submitted',
    "Aadhaar {} eKYC",
)


@pytest.mark.parametrize("shape", ASSIGNED)
@given(secret=secrets)
def test_a_password_goes_in_each_grammar(shape, secret) -> None:
    assume("xxxx" not in secret.lower())
    assert secret not in redact(shape.format(secret))


@pytest.mark.parametrize("shape", SAID)
@given(token=tokens)
def test_a_token_goes_in_each_sentence(shape, token) -> None:
    assume(len(set(token)) > 14 and any(map(str.isdigit, token[4:])))
    assume("xxxx" not in token.lower())
    assert token not in redact(shape.format(token))


@given(st.permutations(["password", "name", "api_token", "city", "client_secret"]), secrets, tokens)
def test_an_insert_hides_the_values_of_secret_columns_alone(columns, secret, token) -> None:
    values = {
        "password": secret,
        "api_token": token,
        "client_secret": f"{secret}, ({token}",
        "name": "ann",
        "city": "berlin",
    }
    line = redact(
        f"INSERT INTO accounts ({', '.join(columns)}) VALUES "
        f"({', '.join(repr(values[one]) for one in columns)})"
    )
    assert secret not in line
    assert token not in line
    assert "'ann'" in line
    assert "'berlin'" in line


@pytest.mark.parametrize("shape", DOCUMENTS)
@given(digits=st.text(alphabet=string.digits, min_size=9, max_size=13))
def test_a_document_goes_behind_its_name_also_in_groups(shape, digits) -> None:
    for number in (digits, " ".join(digits[at : at + 3] for at in range(0, len(digits), 3))):
        assert number not in redact(shape.format(number))


@given(st.text(alphabet=string.digits, min_size=9, max_size=9))
def test_a_cpf_without_a_name_needs_its_check_digits(digits) -> None:
    body = f"{digits[:3]}.{digits[3:6]}.{digits[6:]}"
    right = [two for two in range(100) if passes_cpf(f"{body}-{two:02}")]
    assert len(right) == 1
    assert redact(f"de {body}-{right[0]:02} ok") == "de <ID_1> ok"
    wrong = f"de {body}-{(right[0] + 1) % 100:02} ok"
    assert redact(wrong) == wrong


@given(st.integers(min_value=1_000_000, max_value=99_999_999))
def test_a_rut_has_one_check_sign(number) -> None:
    body = f"{number:,}".replace(",", ".")
    assert sum(passes_rut(f"{body}-{sign}") for sign in "0123456789K") == 1


@given(
    st.sampled_from(["password", "db_password", "client_secret", "apiKey", "token"]),
    st.sampled_from(["{}={}", "{}: {}", '"{}":"{}"', "{}='{}'"]),
    st.sampled_from(
        [
            "(hidden)",
            "[MASKED]",
            "****",
            "****1234",
            "xxxxxxxx",
            "<redacted>",
            "%s",
            "%(pw)s",
            "$DB_PW",
            "${DB_PW}",
            "{{ pw }}",
            "@env.PW@",
            "#{pw}",
            "process.env.PW",
            "vault:secret/data/x#pw",
            "op://team/x/pw",
            "ssm:///prod/x/pw",
            "projects/x/secrets/y/versions/7",
            "java.lang.String",
        ]
    ),
)
def test_what_stands_for_a_secret_stays(name, shape, stand_in) -> None:
    line = shape.format(name, stand_in)
    assert redact(line) == line


@pytest.mark.parametrize(
    "shape",
    [
        "body: {}",
        "data:image/png;base64,{}",
        "payload (base64): {}",
        "thumbnail={}",
        "SHA256 fingerprint {}",
        "checksum mismatch for part 3: {}",
    ],
)
@given(content=st.binary(min_size=33, max_size=60))
def test_a_body_or_a_digest_in_base64_stays(shape, content) -> None:
    text = base64.b64encode(content).decode()
    assume(not any(one in text for one in ("AKIA", "eyJ")))
    line = shape.format(text)
    assert redact(line) == line


@given(st.binary(min_size=32, max_size=32))
def test_a_public_key_stays_and_a_private_one_goes(content) -> None:
    blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00 " + content
    line = f"ssh-ed25519 {base64.b64encode(blob).decode()} ann"
    assert redact(line) == line
    private = base64.b64encode(content).decode()
    assert private not in redact(f"private_key={private}")


@pytest.mark.parametrize(
    "line",
    [
        'existingSecret: "orders-auth-7"',
        "credentialsId: github-app-7",
        "secret_id: prod/orders/db-7",
        r"pattern /password=(\S+)/ matched 7 lines",
        "unexpected token: IDENTIFIER(orders_7)",
        'token="orders_2024_q1" line=3 col=7',
        "cache_key=9f8e7d6c5b4a39281706f5e4d3c2b1a0",
        '"password": {"type": "string"}',
        "code: ERR_HTTP2_STREAM_CANCEL_17",
        "session_id=checkout-20260304-17 closed",
    ],
)
def test_names_types_and_positions_are_no_secrets(line) -> None:
    assert redact(line) == line
