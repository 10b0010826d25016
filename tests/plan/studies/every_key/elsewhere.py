"""Keys that no turned file shows: what tests them, or why nothing hangs on them."""

Key = tuple[str, str]

TABLES: dict[Key, str] = {
    ("[site]", "power_contract"): "[site.power_contract]",
    ("[site]", "lead_time"): "[[site.lead_time]]",
    ("[[rate_plan]]", "usd_per_mtok"): "usd_per_mtok",
    ("[[rate_plan]]", "rate"): "[[rate_plan.rate]]",
    ("[[rate_plan]]", "band"): "[[rate_plan.band]]",
    ("[[rate_plan]]", "commitment"): "[rate_plan.commitment]",
    ("[seller]", "tax"): "tax",
    ("[[tenant]]", "tax"): "tax",
    ("[finance]", "rent"): "[finance.rent]",
    ("[finance]", "token_price"): "[finance.rent]",
    ("[finance]", "power"): "[finance.rent]",
    ("[finance]", "resale"): "[finance.rent]",
    ("[finance]", "correlation"): "[finance.correlation]",
}
"""Keys that hold a table, whose own keys are walked under its title."""

DRAFTS = "tests/ledger/billing/test_drafts.py"
PAPER = "tests/ledger/test_invoice_files.py"
WHO = "tests/web/test_identities.py"
ALERTS, HOOKS = "tests/ledger/test_alerts.py", "tests/web/test_webhooks.py"
BAD = "tests/gateway/test_bad_input.py"
TAX = "tests/tariff/test_tax.py"

TESTED: dict[Key, str] = {
    ("[site]", "timezone"): (
        "tests/gateway/test_registry.py::test_a_price_with_a_date_holds_from_that_midnight_of_the_site"
    ),
    ("[site]", "currency"): "tests/complaints/test_money.py::test_a_currency_has_its_own_decimals",
    ("[site]", "keep_details_days"): (
        "tests/ledger/test_retention.py::test_the_site_says_how_long_details_are_kept"
    ),
    ("[seller]", "name"): f"{DRAFTS}::test_parties_number_and_dates",
    ("[seller]", "address"): f"{PAPER}::test_the_pdf_is_one_page_that_says_it_all",
    ("[seller]", "tax_id"): f"{PAPER}::test_the_pdf_is_one_page_that_says_it_all",
    ("[seller]", "email"): (
        "tests/plan/studies/test_every_input.py::test_an_invoice_says_how_to_write_to_the_seller"
    ),
    ("[seller]", "bank"): f"{PAPER}::test_the_pdf_is_one_page_that_says_it_all",
    ("[seller]", "payment_terms_days"): f"{DRAFTS}::test_parties_number_and_dates",
    ("[seller]", "collect_with"): (
        "tests/web/test_stripe.py::test_an_issued_month_is_told_in_the_transaction_that_issues_it"
    ),
    ("[seller]", "country"): f"{TAX}::test_abroad_no_tax_of_the_seller_is_due",
    ("[alerts]", "webhook_url"): f"{HOOKS}::test_each_share_is_told_once_over_restarts",
    ("[alerts]", "at_percent"): f"{ALERTS}::test_a_share_is_reached_to_the_last_pusd",
    ("[alerts]", "spike_factor"): f"{ALERTS}::test_a_spike_is_the_factor_and_no_less",
    ("[alerts]", "spike_least_usd"): f"{ALERTS}::test_small_sums_are_no_spikes",
    ("[serve]", "listen"): "tests/cli/test_up.py::test_an_address_that_is_taken",
    ("[serve]", "control"): "tests/web/test_pages.py::test_the_same_page_as_json",
    ("[serve]", "max_body_mb"): f"{BAD}::test_a_body_of_just_the_size_is_read",
    ("[serve]", "max_header_kb"): f"{BAD}::test_a_header_that_is_too_large",
    ("[serve]", "header_timeout_s"): f"{BAD}::test_a_header_that_takes_too_long",
    ("[serve]", "body_timeout_s"): f"{BAD}::test_a_body_that_takes_too_long",
    ("[serve]", "drain_timeout_s"): (
        "tests/complaints/test_drain.py::test_an_answer_longer_than_the_grace_is_told_so_and_not_charged"
    ),
    ("[serve]", "max_connections"): f"{BAD}::test_too_many_connections_are_told_so",
    ("[serve]", "gateways"): (
        "tests/gateway/test_two_gateways.py::test_both_serve_and_number_their_requests_apart"
    ),
    ("[serve]", "database_url"): (
        "tests/complaints/test_database.py::"
        "test_a_database_that_is_away_is_named_at_the_start_and_found_when_it_is_back"
    ),
    ("[[pool]]", "path"): "tests/cli/test_up.py::test_a_model_file_that_is_none",
    ("[[rate_plan]]", "valid_from"): (
        "tests/gateway/test_registry.py::test_a_price_with_a_date_holds_from_that_midnight_of_the_site"
    ),
    ("tiers and packages", "flat_at_zero"): (
        "tests/tariff/test_period.py::test_a_flat_price_at_zero_is_due_once_a_month"
    ),
    ("[[tenant]]", "budget_usd_per_month"): (
        "tests/cli/test_operating.py::test_a_budget_is_a_hard_stop_from_the_next_request_on"
    ),
    ("[[tenant]]", "timezone"): (
        "tests/ledger/billing/test_issuing.py::test_the_month_ends_on_the_tenants_own_clock"
    ),
    ("[[tenant]]", "requests_per_minute"): (
        "tests/policy/test_lifecycle.py::test_requests_per_minute_say_when_to_come_back"
    ),
    ("[[tenant]]", "max_concurrency"): (
        "tests/policy/test_lifecycle.py::test_a_tenants_limit_binds_all_its_keys_together"
    ),
    ("[[tenant]]", "address"): f"{DRAFTS}::test_parties_number_and_dates",
    ("[[tenant]]", "tax_id"): f"{DRAFTS}::test_parties_number_and_dates",
    ("[[tenant]]", "email"): "tests/web/test_stripe.py::test_an_invoice_arrives_and_is_finalised",
    ("[[tenant]]", "alert_at_percent"): f"{HOOKS}::test_each_share_is_told_once_over_restarts",
    ("[[tenant]]", "reseller"): (
        "tests/ledger/billing/test_resale.py::"
        "test_the_site_bills_the_reseller_for_what_its_clients_used"
    ),
    ("[[tenant]]", "prepaid"): (
        "tests/complaints/test_limits.py::test_prepaid_credit_does_not_go_below_zero"
    ),
    ("[[tenant]]", "country"): f"{WHO}::test_its_invoices_say_who_it_is_and_are_taxed_where_it_is",
}
"""What moves in the running factory or its books, and the test that sees it."""

INERT: dict[Key, str] = {
    ("[[pool]]", "name"): "only named: by routes, leases and rates, which must follow it",
    ("[[capex]]", "name"): "only named in where numbers are from",
    ("[[loan]]", "name"): "only the name of the lender",
    ("[[lease]]", "name"): "only the name of what is paid",
}
"""Names and texts on which no figure hangs."""
