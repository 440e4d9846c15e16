"""Write docs/reference/consent-cases.md, case by case which test shows it: `python tools/consent_cases.py`.

The numbers and names are those of the rule book for sharing consent. A case is shown by a test function; `@name` picks
one of its parameters. A test of the project holds this table against the tests there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "consent-cases.md"

ANSWER, CLIENT = "unit/systems/mitz/test_answer.py", "unit/systems/mitz/test_client.py"
QUESTION = "unit/systems/mitz/test_question.py"
_HOSTILE = "unit/systems/mitz/test_hostile_answers.py"
HOSTILE, ODD = f"{_HOSTILE}::test_hostile_answer_is_refused_by_class", f"{_HOSTILE}::test_odd_deny_stays_a_deny"
CACHE = "unit/consent/test_cache.py"
MITZ_QUESTION = "unit/systems/mitz/consent/test_question.py"
MITZ_SETTINGS = "unit/systems/mitz/consent/test_settings.py"
MITZ_VERDICT = "unit/systems/mitz/consent/test_verdict.py"
WIRE_ASKING = "integration/mitz/transport/test_asking.py"
WIRE_FAILING = "integration/mitz/transport/test_failing.py"
WIRE_SILENCE = "integration/mitz/transport/test_silence.py"
OPEN_FOUND = "integration/mitz/open_question/test_found.py"
PROFILE, STANCE = "unit/consent/test_profile.py", "unit/consent/test_stance.py"
READING, PAGES = "unit/systems/fhir_consent/test_reading.py", "unit/systems/fhir_consent/test_source.py"
NOTICES, SUBSCRIBED = "integration/mitz/test_notifications.py", "integration/mitz/test_subscriptions.py"
FILE, VOICE = "unit/systems/regional_consent/test_source.py", "unit/consent/test_voice.py"
BEYOND, GLASS = "unit/consent/test_beyond_explicit.py", "unit/emergency/test_glass.py"
EXPLAIN, DECIDE = "integration/consent/test_explain.py", "unit/disclose/test_decide.py"
ENDS = f"{CLIENT}::test_no_answer_is_unavailable_for_its_reason"
FAULTS = f"{WIRE_FAILING}::test_fault_of_the_service_becomes_its_reason"
UNASKED = f"{MITZ_QUESTION}::test_what_cannot_be_asked_truthfully_is_denied_and_mitz_is_not_asked"


class Case(NamedTuple):
    """One case: where it is shown (empty: nowhere), and what to know about it."""

    number: int
    name: str
    shown: str
    note: str = ""


CASES = (
    Case(1, "closed_permit", f"{ANSWER}::test_closed_permit_in_another_layout_with_everything_echoed"),
    Case(2, "closed_deny", f"{MITZ_VERDICT}::test_anything_else_denies_with_the_highest_weight"),
    Case(3, "closed_permit_no_status", f"{ANSWER}::test_closed_permit_no_status"),
    Case(4, "closed_golden_request_bytes", f"{QUESTION}::test_closed_golden_request_bytes"),
    Case(5, "request_has_x_request_id_equal_messageid",
         f"{CLIENT}::test_content_type_soap12_with_action_and_request_id_equal_to_message_id"),
    Case(6, "content_type_soap12_with_action",
         f"{CLIENT}::test_content_type_soap12_with_action_and_request_id_equal_to_message_id"),
    Case(7, "mandate_sets_responsible_and_mandated", f"{QUESTION}::test_mandate_sets_responsible_and_mandated"),
    Case(8, "mandate_without_role_refused", f"{UNASKED}@mandate_without_role"),
    Case(9, "ura_zero_padded", f"{QUESTION}::test_ura_is_zero_padded"),
    Case(10, "holder_attrs_ignore_request_supplied_values",
         f"{MITZ_QUESTION}::test_holder_attrs_ignore_request_supplied_values"),
    Case(11, "two_categories_two_results_any_order", f"{ANSWER}::test_two_categories_two_results_any_order"),
    Case(12, "mixed_permit_deny_denies_all", f"{CLIENT}::test_only_permits_for_all_categories_are_a_permit"),
    Case(13, "padded_decision_whitespace_ok", f"{ANSWER}::test_padded_decision_whitespace_ok"),
    Case(14, "indeterminate", f"{PROFILE}::test_no_decision_raises_an_alarm_without_personal_data"),
    Case(15, "notapplicable", f"{PROFILE}::test_no_decision_raises_an_alarm_without_personal_data"),
    *(Case(number, name, f"{HOSTILE}@{name}") for number, name in (
        (16, "unknown_decision_Allow"), (17, "lowercase_permit"), (18, "homoglyph_permit"),
        (19, "permit_status_processing_error"), (20, "permit_with_obligation"))),
    Case(21, "fault_sender", f"{ENDS}@fault_sender"),
    Case(22, "fault_receiver", f"{ENDS}@fault_receiver"),
    Case(23, "fault_http200", f"{ENDS}@fault_http200"),
    Case(24, "fault_and_response_both", f"{HOSTILE}@fault_and_response_both"),
    Case(25, "http_302_not_followed", f"{WIRE_FAILING}::test_http_302_is_not_followed"),
    Case(26, "http_401", f"{ENDS}@http_401"),
    Case(27, "http_429_retry_after", f"{CLIENT}::test_http_429_retry_after_holds_every_question_back"),
    Case(28, "http_503_single_retry_new_messageid", f"{WIRE_FAILING}::test_http_503_single_retry_new_messageid"),
    Case(29, "html_200", f"{ENDS}@html_200"),
    Case(30, "empty_200", f"{ENDS}@empty_200"),
    Case(31, "connect_refused", f"{WIRE_FAILING}::test_connect_refused"),
    Case(32, "timeout_headers", f"{WIRE_FAILING}::test_a_slow_mitz_is_given_up_within_its_budget@timeout_headers"),
    Case(33, "slowloris_body", f"{WIRE_FAILING}::test_a_slow_mitz_is_given_up_within_its_budget@slowloris_body"),
    Case(34, "oversize_body", f"{FAULTS}@oversize"),
    Case(35, "server_cert_wrong_ca", f"{WIRE_ASKING}::test_server_cert_wrong_ca_gets_no_bytes"),
    Case(36, "server_cert_wrong_host", f"{WIRE_ASKING}::test_server_cert_wrong_host_gets_no_bytes"),
    Case(37, "client_cert_missing_refuses_start", f"{MITZ_SETTINGS}::test_settings_that_cannot_work_refuse_the_start"),
    Case(38, "http_url_refused_in_production", f"{MITZ_SETTINGS}::test_http_url_refused_in_production"),
    Case(39, "breaker_opens_and_half_opens", f"{CLIENT}::test_breaker_opens_and_half_opens"),
    Case(40, "gzip_bomb_response", f"{WIRE_FAILING}::test_gzip_is_neither_asked_for_nor_unpacked"),
    Case(41, "xxe_file", f"{HOSTILE}@xxe_file"),
    Case(42, "xxe_external_dtd", f"{WIRE_FAILING}::test_xxe_external_dtd_is_never_fetched"),
    *(Case(number, name, f"{HOSTILE}@{name}") for number, name in (
        (43, "billion_laughs"), (44, "quadratic_blowup"), (45, "entity_decision"), (46, "comment_split"),
        (47, "comment_suffix"), (48, "pi_in_decision"), (49, "two_decisions"), (50, "two_responses"))),
    Case(51, "permit_in_header_deny_in_body", f"{ODD}@permit_in_header_deny_in_body"),
    Case(52, "wrapped_response", f"{HOSTILE}@wrapped_response"),
    Case(53, "nested_permit_result", f"{ODD}@nested_permit_result"),
    *(Case(number, name, f"{HOSTILE}@{name}") for number, name in (
        (54, "wrong_namespace"), (55, "no_namespace"), (56, "soap11"), (57, "duplicate_category"),
        (58, "extra_unasked_category"))),
    Case(59, "missing_category", f"{_HOSTILE}::test_missing_category_of_two_is_refused"),
    *(Case(number, name, f"{HOSTILE}@{name}") for number, name in (
        (60, "other_patient"), (61, "other_holder"), (62, "missing_echo"), (63, "relates_to_other"), (64, "utf16"),
        (65, "utf7"), (66, "nul"), (67, "deep_nesting"), (68, "xinclude"), (69, "duplicate_xmlid"),
        (70, "truncated"), (71, "trailing_second_document"))),
    Case(72, "role_with_quote_escaped", f"{QUESTION}::test_role_with_markup_is_escaped_and_adds_nothing"),
    Case(73, "no_bsn_in_any_log", f"{WIRE_SILENCE}::test_no_bsn_in_any_log"),
    Case(74, "bsn_not_in_url_or_span", f"{WIRE_SILENCE}::test_bsn_is_not_in_the_url_or_a_header"),
    Case(75, "audit_contains_reason_but_client_body_uniform",
         "e2e/test_people.py::test_the_reason_is_in_the_log_of_the_holder_alone"),
    Case(76, "bsn_elfproef", f"{QUESTION}::test_bsn_elfproef"),
    Case(77, "self_issued_type_conflicts_directory",
         f"{DECIDE}::test_type_that_the_directory_does_not_list_is_refused"),
    Case(78, "two_types_no_selection", f"{DECIDE}::test_type_that_the_directory_does_not_list_is_refused",
         "the token selects exactly one; without one nothing is asked"),
    Case(79, "z3_is_gp_not_hospital", f"{MITZ_QUESTION}::test_z3_is_gp_not_hospital"),
    Case(80, "no_second_question_after_deny", f"{MITZ_QUESTION}::test_no_second_question_after_deny"),
    Case(81, "coc_without_relation_claim_refused", f"{UNASKED}@coc_without_relation_claim"),
    Case(82, "missing_rolcode_mapping", UNASKED),
    Case(83, "ambulance_type_unconfigured", f"{MITZ_QUESTION}::test_regional_type_may_ask_once_it_is_configured"),
    Case(84, "insurer_category", UNASKED, "a type outside the table is not asked about"),
    Case(85, "emergency_via_header_ignored",
         "e2e/test_emergency.py::test_an_emergency_that_a_header_claims_is_ignored"),
    Case(86, "local_permit_no_mitz", f"{STANCE}::test_local_permit_no_mitz"),
    Case(87, "local_specific_deny_beats_mitz_permit", f"{STANCE}::test_local_specific_deny_beats_mitz_permit"),
    Case(88, "mitz_timeout_does_not_fall_back_to_static", f"{STANCE}::test_mitz_timeout_does_not_fall_back_to_static"),
    Case(89, "local_permit_vs_mitz_deny", f"{STANCE}::test_local_permit_vs_mitz_deny"),
    Case(90, "clinical_consent_trap_not_permit", f"{READING}::test_clinical_consent_trap_not_permit"),
    Case(91, "notify_inactive_is_objection", f"{READING}::test_notify_inactive_is_objection"),
    Case(92, "plain_fhir_inactive_ignored", f"{READING}::test_plain_fhir_inactive_ignored"),
    Case(93, "nested_exception_deny", f"{READING}::test_nested_exception_deny"),
    Case(94, "expired_period", f"{READING}::test_expired_period"),
    Case(95, "unknown_modifier_extension", f"{READING}::test_unknown_modifier_extension"),
    Case(96, "second_page_fails_error", f"{PAGES}::test_second_page_fails_error"),
    Case(97, "static_bad_signature", f"{FILE}::test_static_bad_signature"),
    Case(98, "static_expired", f"{FILE}::test_static_expired"),
    Case(99, "static_serial_rollback", f"{FILE}::test_static_serial_rollback"),
    Case(100, "static_wildcard_rejected", f"{FILE}::test_static_wildcard_rejected"),
    Case(101, "strict_profile_ignores_treatment_relation",
         f"{PROFILE}::test_strict_profile_ignores_treatment_relation"),
    Case(102, "routekaart_treatment_relation_allows", f"{BEYOND}::test_routekaart_treatment_relation_allows",
         "changed: a failure of Mitz is not passed, a no of Mitz only with `implied.on_mitz_deny: allow`"),
    Case(103, "emergency_requires_named_person_and_reason",
         f"{GLASS}::test_emergency_requires_named_person_and_reason", "changed: the reason is a code"),
    Case(104, "emergency_vs_local_objection_denied", f"{BEYOND}::test_emergency_never_passes_an_objection"),
    Case(105, "emergency_on_mitz_deny_default_denied", f"{BEYOND}::test_emergency_on_mitz_deny_is_the_owners_decision"),
    Case(106, "emergency_rate_limit", f"{GLASS}::test_emergency_rate_limit",
         "changed: a cap per organization, not per person"),
    Case(107, "patient_unknown_uniform_and_mitz_not_asked",
         f"{EXPLAIN}::test_patient_unknown_uniform_and_mitz_not_asked"),
    Case(108, "deceased", f"{EXPLAIN}::test_deceased"),
    Case(109, "parental_consent_ends_at_12_and_16", f"{VOICE}::test_parental_consent_ends_at_12_and_16"),
    Case(110, "no_source_configured_refuses_start",
         f"{STANCE}::test_no_source_configured_refuses_start_and_so_does_what_contradicts"),
    Case(111, "audit_down_denies",
         "invariants/test_audit_before_release.py::test_decision_that_is_not_recorded_fetches_nothing_and_answers_nothing"),
    Case(112, "permit_not_cached_without_subscription", f"{CACHE}::test_permit_serves_one_token_for_60_s",
         "changed: reuse is within one token, at most 60 s, with or without a subscription (ADR 0068)"),
    Case(113, "permit_cached_60s_with_subscription", f"{CACHE}::test_permit_serves_one_token_for_60_s",
         "changed: as 112"),
    Case(114, "deny_ttl", f"{CACHE}::test_deny_ttl"),
    Case(115, "errors_never_cached", f"{CACHE}::test_errors_never_cached"),
    Case(116, "key_separates_role_professional_purpose",
         f"{CACHE}::test_key_separates_token_role_professional_purpose"),
    Case(117, "notification_purges", f"{CACHE}::test_notification_purges"),
    Case(118, "inflight_permit_discarded_after_deny_notification",
         f"{CACHE}::test_inflight_permit_discarded_after_deny_notification"),
    *(Case(number, name, f"{NOTICES}::test_{name}") for number, name in (
        (119, "replayed_notification_harmless"), (120, "notification_permit_does_not_grant"),
        (121, "notification_without_mtls_401"), (122, "notification_foreign_ura_ignored"),
        (123, "notification_xml_and_json_same_effect"), (124, "notification_transaction_verbs_not_executed"),
        (125, "notification_persist_fails_5xx"))),
    *(Case(number, name, f"{SUBSCRIBED}::test_{name}") for number, name in (
        (126, "subscription_202_location"), (127, "subscription_422_no_retry"), (128, "subscription_429_backoff"),
        (129, "subscription_idempotent"), (130, "unsubscribe_on_death"))),
    *(Case(number, name, f"{OPEN_FOUND}::test_{name}") for number, name in (
        (131, "plq_two_holders"), (132, "plq_empty_is_not_error"), (133, "plq_other_patient_dropped"),
        (134, "plq_source_id_never_dialled"), (135, "plq_permit_still_needs_closed_question"),
        (136, "plq_relates_to_mismatch"))),
    Case(137, "invariants", "invariants/test_consent_invariants.py::test_i5_adding_a_deny_never_turns_deny_into_allow",
         "I1 to I8 in the same file"),
    Case(138, "breaker_open_unknown_and_known_patient_same_503",
         f"{DECIDE}::test_resting_consent_source_answers_alike_for_known_and_unknown"),
    Case(139, "unknown_patient_latency_padded",
         f"{DECIDE}::test_resting_consent_source_answers_alike_for_known_and_unknown",
         "changed: no padding; the breaker is looked at before the patient"),
)  # fmt: skip


def page() -> str:
    """Return the page as Markdown."""
    shown = sum(bool(case.shown) for case in CASES)
    lines = [
        "# Sharing consent, case by case",
        "",
        "The cases of the rule book for sharing consent and the test that shows each. Made by",
        "`python tools/consent_cases.py`; a test holds this page against the tests there are.",
        "",
        f"{shown} of {len(CASES)} cases are shown; where there is no test the note says why.",
        "",
        "| | case | test (below `tests/`) | note |",
        "|---|---|---|---|",
    ]
    for case in CASES:
        function, _, parameter = case.shown.partition("@")
        test = (f"`{function}`" + (f" with `{parameter}`" if parameter else "")) if case.shown else ""
        lines.append(f"| {case.number} | {case.name} | {test} | {case.note} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
