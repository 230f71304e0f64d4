"""Finds tokens by the prefix of their vendor: one row for each form.

A row is a name, a pattern, and an example of the right form, made up. What only looks alike stays:
each pattern wants the full length and alphabet that the vendor documents, or nearly so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from log_analyzer.redaction.rule import Rule, Span, by_pattern

# Made up, of the alphabet that a form wants, and long enough for all.
_MIX: Final = "aB3xK9fQ2mZ7pL4wR8tY6uJ1sD5gH0cV" * 6
_HEX: Final = "3f9a0c7be1d24586" * 12
_LOW: Final = "k3x9f2m7p4w8t6u1s5g0c" * 12
_UP: Final = "K3X7QF2MZP4WR6TYUJ5SDGHC" * 4
_DIGITS: Final = "4829170365" * 4
_UUID: Final = "3f9a0c7b-e1d2-4586-9a0c-7be1d2458690"
_UUID_FORM: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

# Name, pattern, example.
_FORMS: Final[tuple[tuple[str, str, str], ...]] = (
    ("1password", r"ops_eyJ[\w=-]{60,1000}", "ops_eyJ" + _MIX[:80]),
    ("adafruit", r"aio_[A-Za-z0-9]{28}", "aio_" + _MIX[:28]),
    ("age", r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{40,60}", "AGE-SECRET-KEY-1" + "QZR8Y2" * 9),
    ("airtable", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}", f"pat{_MIX[:14]}.{_HEX[:64]}"),
    ("alibaba", r"LTAI[A-Za-z0-9]{12,24}", "LTAI" + _MIX[:20]),
    ("artifactory", r"AKCp[A-Za-z0-9]{50,90}", "AKCp" + _MIX[:69]),
    ("artifactory reference", r"cmVmdGtu[A-Za-z0-9+/]{40,80}={0,2}", "cmVmdGtu" + _MIX[:56]),
    ("atlassian", r"AT(?:ATT|CTT|STT)3x[\w=-]{40,400}", "ATATT3x" + _MIX[:185]),
    ("aws access key", r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}", "ASIA" + _UP[:16]),
    ("aws bedrock", r"ABSK[A-Za-z0-9+/]{80,300}={0,2}", "ABSK" + _MIX[:109]),
    (
        "aws session token",
        r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/=%]{40,4000}",
        "IQoJb3JpZ2lu" + _MIX[:180],
    ),
    ("azure ad", r"[A-Za-z0-9_.~]{3}\dQ~[\w.~-]{31,34}", "aB38Q~" + _MIX[:31] + "aB3"),
    ("bitbucket", r"ATBB[A-Za-z0-9]{24,40}", "ATBB" + _MIX[:32]),
    ("brevo", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}", f"xkeysib-{_HEX[:64]}-{_MIX[:16]}"),
    ("buildkite", r"bk(?:ua|at|aa)_[a-z0-9]{30,60}", "bkua_" + _HEX[:40]),
    (
        "circleci",
        r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{10,30}_[a-f0-9]{40}",
        f"CCIPAT_{_MIX[:22]}_{_HEX[:40]}",
    ),
    ("clojars", r"CLOJARS_[a-z0-9]{60}", "CLOJARS_" + _LOW[:60]),
    ("cloudflare", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}", f"v1.0-{_HEX[:24]}-{_HEX[:146]}"),
    ("contentful", r"CFPAT-[\w-]{40,50}", "CFPAT-" + _MIX[:43]),
    ("crates.io", r"cio[A-Za-z0-9]{32}", "cio" + _MIX[:32]),
    ("databricks", r"dapi[a-f0-9]{32}(?:-\d)?", "dapi" + _HEX[:32]),
    ("digitalocean", r"do[por]_v1_[a-f0-9]{64}", "dop_v1_" + _HEX[:64]),
    (
        "discord",
        r"[MNO][A-Za-z\d]{23,27}\.[\w-]{6}\.[\w-]{27,40}",
        f"M{_MIX[:25]}.{_MIX[:6]}.{_MIX[:38]}",
    ),
    ("docker", r"dckr_[po]at_[\w-]{27,40}", "dckr_pat_" + _MIX[:27]),
    (
        "doppler",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]{1,40}\.)?[A-Za-z0-9]{40,44}",
        "dp.pt." + _MIX[:43],
    ),
    ("dropbox", r"sl\.[\w=-]{60,200}", "sl." + _MIX[:130]),
    ("duffel", r"duffel_(?:test|live)_[\w=-]{43}", "duffel_live_" + _MIX[:43]),
    ("dynatrace", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}", f"dt0c01.{_UP[:24]}.{_UP[:64]}"),
    ("easypost", r"EZ[AT]K[A-Za-z0-9]{54}", "EZAK" + _MIX[:54]),
    ("facebook", r"EAA[A-Za-z0-9]{80,300}", "EAA" + _MIX[:120]),
    ("figma", r"fig[doru]_[\w-]{35,60}", "figd_" + _MIX[:40]),
    (
        "flutterwave",
        r"FLW(?:SECK|PUBK)(?:_TEST)?-[a-f0-9]{12,32}(?:-X)?",
        "FLWSECK_TEST-" + _HEX[:32] + "-X",
    ),
    ("fly.io", r"fo1_[\w-]{43}|fm[12][ar]?_[\w+/=-]{40,800}", "fo1_" + _MIX[:43]),
    ("github", r"gh[opsur]_[A-Za-z0-9]{30,255}", "ghs_" + _MIX[:36]),
    ("github fine-grained", r"github_pat_\w{20,255}", "github_pat_" + _MIX[:22] + "_" + _MIX[:59]),
    (
        "gitlab",
        (
            r"(?:gl(?:pat|ptt|rt|rtr|dt|cbt|ft|imt|agent|soat|ffct|oas|wt)-"
            r"|_gitlab_session=)[\w=.-]{16,300}"
        ),
        "glcbt-" + _MIX[:20],
    ),
    ("gitlab runner", r"GR1348941[\w-]{20}", "GR1348941" + _MIX[:20]),
    ("google api key", r"AIza[\w-]{30,60}", "AIza" + _MIX[:35]),
    (
        "google oauth",
        r"ya29\.[\w.-]{16,1000}|1//0[\w-]{20,255}|GOCSPX-[\w-]{20,60}",
        "GOCSPX-" + _MIX[:28],
    ),
    (
        "grafana",
        r"gl(?:c_[A-Za-z0-9+/]{32,400}={0,2}|sa_[A-Za-z0-9]{32}_[a-f0-9]{8})",
        f"glsa_{_MIX[:32]}_{_HEX[:8]}",
    ),
    ("groq", r"gsk_[A-Za-z0-9]{40,60}", "gsk_" + _MIX[:52]),
    (
        "harness",
        r"[ps]at\.[\w-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}",
        f"pat.{_MIX[:22]}.{_HEX[:24]}.{_MIX[:20]}",
    ),
    ("heroku", r"HRKU-[\w-]{30,70}", "HRKU-AA" + _MIX[:58]),
    ("hubspot", rf"pat-(?:na|eu|ap)\d-{_UUID_FORM}", "pat-eu1-" + _UUID),
    ("hugging face", r"(?:hf|api_org)_[A-Za-z0-9]{30,80}", "hf_" + _MIX[:34]),
    ("infracost", r"ico-[A-Za-z0-9]{32}", "ico-" + _MIX[:32]),
    ("langsmith", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}", f"lsv2_pt_{_HEX[:32]}_{_HEX[:10]}"),
    ("launchdarkly", rf"sdk-{_UUID_FORM}", "sdk-" + _UUID),
    ("linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,64}", "lin_api_" + _MIX[:40]),
    ("mailchimp", r"[a-f0-9]{32}-us\d{1,2}", _HEX[:32] + "-us12"),
    (
        "mailgun",
        r"(?:pub)?key-[a-f0-9]{32}|[a-f0-9]{32}-[a-f0-9]{8}-[a-f0-9]{8}",
        "key-" + _HEX[:32],
    ),
    ("maxmind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", f"{_MIX[:6]}_{_MIX[:29]}_mmk"),
    ("netlify", r"nf[pcou]_[A-Za-z0-9]{36}", "nfp_" + _MIX[:36]),
    (
        "new relic",
        r"NR(?:AK-[A-Z0-9]{20,40}|JS-[a-f0-9]{19}|I[IQ]-[\w-]{32})|[a-f0-9]{36}NRAL",
        "NRAK-" + _UP[:27],
    ),
    ("notion", r"(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,50})", "ntn_" + _MIX[:46]),
    ("npm", r"npm_[A-Za-z0-9]{30,80}", "npm_" + _MIX[:36]),
    ("nuget", r"oy2[a-z0-9]{43}", "oy2" + _LOW[:43]),
    (
        "openai and kin",
        r"sk-(?:[a-z]{2,10}-){0,2}(?=[\w-]{0,200}\d)[\w-]{20,255}",
        "sk-proj-" + _MIX[:48],
    ),
    ("openshift", r"sha256~[\w-]{43}", "sha256~" + _MIX[:43]),
    ("perplexity", r"pplx-[A-Za-z0-9]{40,60}", "pplx-" + _MIX[:48]),
    ("pinecone", r"pcsk_[A-Za-z0-9]{5,8}_[A-Za-z0-9]{50,70}", f"pcsk_{_MIX[:6]}_{_MIX[:62]}"),
    (
        "plaid",
        rf"access-(?:sandbox|development|production)-{_UUID_FORM}",
        "access-production-" + _UUID,
    ),
    ("planetscale", r"pscale_(?:tkn|pw|oauth)_[\w=.-]{32,64}", "pscale_pw_" + _MIX[:43]),
    ("postman", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", f"PMAK-{_HEX[:24]}-{_HEX[:34]}"),
    ("prefect", r"pn[ub]_[A-Za-z0-9]{36}", "pnu_" + _MIX[:36]),
    ("pulumi", r"pul-[a-f0-9]{40}", "pul-" + _HEX[:40]),
    ("pypi", r"pypi-[\w-]{16,255}", "pypi-AgEIcHlwaS5vcmc" + _MIX[:80]),
    ("razorpay", r"rzp_(?:live|test)_[A-Za-z0-9]{14}", "rzp_live_" + _MIX[:14]),
    ("readme", r"rdme_[a-z0-9]{70}", "rdme_" + _LOW[:70]),
    ("replicate", r"r8_[A-Za-z0-9]{37}", "r8_" + _MIX[:37]),
    ("rubygems", r"rubygems_[a-f0-9]{48}", "rubygems_" + _HEX[:48]),
    ("scalingo", r"tk-us-[\w-]{48}", "tk-us-" + _MIX[:48]),
    ("sendgrid", r"SG\.[\w-]{16,80}\.[\w-]{16,80}", f"SG.{_MIX[:22]}.{_MIX[:43]}"),
    ("sentry", r"sntry[su]_[\w+/=-]{40,400}", "sntryu_" + _HEX[:64]),
    ("shippo", r"shippo_(?:live|test)_[a-f0-9]{40}", "shippo_live_" + _HEX[:40]),
    ("shopify", r"shp(?:at|ca|pa|ss|ua)_[A-Fa-f0-9]{32}", "shpat_" + _HEX[:32]),
    (
        "slack",
        r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,255}|xapp-\d-[\w-]{8,255}",
        f"xoxb-{_DIGITS[:12]}-{_MIX[:24]}",
    ),
    ("sonarqube", r"sq[apu]_[a-f0-9]{40}", "squ_" + _HEX[:40]),
    ("square", r"(?:sq0(?:atp|csp|idp)-[\w-]{22,43}|EAAA[\w-]{60})", "sq0atp-" + _MIX[:22]),
    (
        "stripe",
        r"(?:sk|pk|rk|ek)_(?:live|test|prod)_[A-Za-z0-9]{8,255}|whsec_[\w+/=]{16,255}",
        "rk_live_" + _MIX[:24],
    ),
    ("supabase", r"sb(?:p_[a-f0-9]{40}|_secret_[\w-]{20,60})", "sbp_" + _HEX[:40]),
    ("tailscale", r"tskey-[a-z]{2,10}-[\w-]{15,80}", "tskey-auth-" + _MIX[:40]),
    ("telegram", r"(?:bot)?\d{8,10}:AA[\w-]{32,34}", f"{_DIGITS[:10]}:AA{_MIX[:33]}"),
    ("tencent", r"AKID[A-Za-z0-9]{32}", "AKID" + _MIX[:32]),
    ("terraform", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}", f"{_MIX[:14]}.atlasv1.{_MIX[:67]}"),
    ("twilio", r"SK[0-9a-f]{32}", "SK" + _HEX[:32]),
    ("typeform", r"tfp_[\w.=-]{40,70}", "tfp_" + _MIX[:59]),
    (
        "vault",
        r"hv[sbr]\.[\w-]{20,255}|(?<![\w.])s\.(?=[A-Z]*[a-z]+\d|[a-z]*[A-Z]+\d)[A-Za-z0-9]{24}",
        "hvs." + _MIX[:90],
    ),
    ("asana", r"[12]/\d{10,20}(?:/\d{10,20})?:[a-f0-9]{32}", f"1/{_DIGITS[:16]}:{_HEX[:32]}"),
    ("axiom", rf"xa[ap]t-{_UUID_FORM}", "xaat-" + _UUID),
    ("clickup", r"pk_\d{6,10}_[A-Z0-9]{32}", f"pk_{_DIGITS[:8]}_{_UP[:32]}"),
    ("elevenlabs", r"sk_[a-f0-9]{48}", "sk_" + _HEX[:48]),
    ("firebase messaging", r"AAAA[\w-]{7}:[\w-]{100,180}", f"AAAA{_MIX[:7]}:APA91b{_MIX[:134]}"),
    ("firecrawl", r"fc-[a-f0-9]{32}", "fc-" + _HEX[:32]),
    ("honeycomb", r"hc[a-z]ik_[a-z0-9]{58}", "hcaik_" + _LOW[:58]),
    ("klarna", r"klarna_(?:live|test)_api_[\w-]{20,200}", "klarna_live_api_" + _MIX[:60]),
    ("mailersend", r"mlsn\.[a-f0-9]{64}", "mlsn." + _HEX[:64]),
    ("mandrill", r"md-[A-Za-z0-9_-]{22}", "md-" + _MIX[:22]),
    ("mollie and gocardless", r"(?:live|test|access)_[A-Za-z0-9]{30,60}", "live_" + _MIX[:30]),
    (
        "paypal",
        r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}",
        f"access_token$production${_LOW[:16]}${_HEX[:32]}",
    ),
    ("render", r"rnd_[A-Za-z0-9]{24,40}", "rnd_" + _MIX[:32]),
    ("resend", r"re_[A-Za-z0-9]{8,10}_[A-Za-z0-9]{20,30}", f"re_{_MIX[:8]}_{_MIX[:24]}"),
    ("salesforce session", r"00D[A-Za-z0-9]{12,15}![\w.]{60,200}", f"00D{_MIX[:12]}!{_MIX[:96]}"),
    (
        "stripe client secret",
        r"(?:pi|seti|cs)_[A-Za-z0-9]{14,80}_secret_[A-Za-z0-9]{16,80}",
        f"pi_{_MIX[:24]}_secret_{_MIX[:25]}",
    ),
    ("tavily", r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{24,48}", "tvly-" + _MIX[:32]),
    ("trello", r"ATTA[A-Za-z0-9]{60,80}", "ATTA" + _MIX[:72]),
    ("vercel", r"vc[a-z]_[A-Za-z0-9]{24,60}", "vcp_" + _MIX[:56]),
    ("voyage", r"pa-[\w-]{40,48}", "pa-" + _MIX[:43]),
    ("xai", r"xai-[A-Za-z0-9]{70,90}", "xai-" + _MIX[:80]),
    ("yandex", r"(?:AQVN[\w-]{35,38}|t1\.[\w-]{40,400}={0,2}|y0_[\w-]{40,80})", "AQVN" + _MIX[:36]),
)
_ALL: Final = re.compile(
    "|".join(rf"(?<![A-Za-z0-9])(?:{form})(?![A-Za-z0-9])" for _, form, _ in _FORMS)
)


def find(text: str, start: int, end: int) -> Iterator[Span]:
    """The tokens of all vendors in one pass."""
    for match in _ALL.finditer(text, start, end):
        yield match.span()


def _rule(name: str, form: str, example: str) -> Rule:
    return Rule(
        kind="KEY",
        name=f"{name} token",
        find=by_pattern(rf"(?<![A-Za-z0-9])(?:{form})(?![A-Za-z0-9])", flags=re.RegexFlag(0)),
        example=f"rejected «{example}» with 401",
        # Cut short it is no token, only its prefix.
        counter_example=f"rejected {example[: min(len(example) // 4, 9)]} with 401",
    )


VENDOR_RULES: Final = tuple(_rule(*one) for one in _FORMS)
