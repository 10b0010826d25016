-- The tables, columns, indexes and triggers that schema 2 added to schema 1, in SQLite, where all books of schema 1 are.
-- This is history: it is never changed, whatever the tables of a later schema look like.
ALTER TABLE tenant ADD COLUMN parent TEXT;
ALTER TABLE tenant ADD COLUMN prepaid BOOLEAN NOT NULL DEFAULT 0;
ALTER TABLE tenant_identity ADD COLUMN country TEXT;
ALTER TABLE "key" ADD COLUMN budget_uusd BIGINT;
ALTER TABLE price ADD COLUMN plan_version INTEGER;
ALTER TABLE price ADD COLUMN model TEXT;
ALTER TABLE price ADD COLUMN pool TEXT;
ALTER TABLE price ADD COLUMN band TEXT;
ALTER TABLE price ADD COLUMN denominator BIGINT NOT NULL DEFAULT 1;
CREATE TABLE block (
    number INTEGER NOT NULL,
    recorded_us BIGINT NOT NULL,
    kind TEXT NOT NULL,
    rows INTEGER NOT NULL,
    digest BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE correction (
    block INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    held_us BIGINT NOT NULL,
    model TEXT NOT NULL,
    pool TEXT,
    price INTEGER NOT NULL,
    input_uncached BIGINT NOT NULL,
    input_cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    output_text BIGINT NOT NULL,
    output_reasoning BIGINT NOT NULL,
    audio_in BIGINT NOT NULL,
    audio_out BIGINT NOT NULL,
    image_in BIGINT NOT NULL,
    amount_pusd BIGINT NOT NULL,
    request BIGINT,
    reason TEXT NOT NULL,
    PRIMARY KEY (block)
);
CREATE INDEX correction_of_tenant ON correction (tenant, held_us);
CREATE TABLE credit_draw (
    block BIGINT NOT NULL,
    "grant" TEXT NOT NULL,
    cause TEXT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (block, "grant")
);
CREATE INDEX credit_draw_of_grant ON credit_draw (grant);
CREATE TABLE credit_grant (
    id TEXT NOT NULL,
    block BIGINT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    amount TEXT NOT NULL,
    priority INTEGER NOT NULL,
    granted_us BIGINT NOT NULL,
    expires_us BIGINT,
    source TEXT NOT NULL,
    reference TEXT NOT NULL,
    document TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX credit_grant_of_tenant ON credit_grant (tenant);
CREATE TABLE document (
    series TEXT NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    block BIGINT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    month TEXT NOT NULL,
    issued_us BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (series, number)
);
CREATE INDEX document_of_tenant ON document (tenant, month);
CREATE TABLE document_buyer (
    series TEXT NOT NULL,
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (series, number)
);
CREATE TABLE energy_reading (
    pool TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    end_us BIGINT NOT NULL,
    milliwatt_hours BIGINT NOT NULL,
    source TEXT NOT NULL,
    recorded_us BIGINT NOT NULL,
    PRIMARY KEY (pool, start_us, recorded_us)
);
CREATE TABLE energy_withdrawal (
    pool TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    end_us BIGINT NOT NULL,
    recorded_us BIGINT NOT NULL,
    PRIMARY KEY (pool, start_us, end_us, recorded_us)
);
CREATE TABLE engine_reading (
    pool TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    input_uncached BIGINT NOT NULL,
    input_cached BIGINT NOT NULL,
    output BIGINT NOT NULL,
    PRIMARY KEY (pool, at_us)
);
CREATE TABLE outbox (
    id TEXT NOT NULL,
    destination TEXT NOT NULL,
    body TEXT NOT NULL,
    "after" TEXT,
    created_us BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE outbox_attempt (
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at_us BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    "key" TEXT NOT NULL,
    retry_us BIGINT,
    detail TEXT NOT NULL,
    PRIMARY KEY (id, number)
);
CREATE INDEX outbox_attempt_outcome ON outbox_attempt (outcome, id);
CREATE TABLE payment (
    id TEXT NOT NULL,
    block BIGINT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    tenant TEXT NOT NULL,
    amount TEXT NOT NULL,
    at_us BIGINT NOT NULL,
    reference TEXT NOT NULL,
    document TEXT,
    returns TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX payment_of_tenant ON payment (tenant, at_us);
CREATE TABLE posting (
    block BIGINT NOT NULL,
    leg INTEGER NOT NULL,
    account TEXT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (block, leg)
);
CREATE INDEX posting_of_account ON posting (account, block);
CREATE TABLE rate_plan_version (
    version INTEGER NOT NULL,
    plan TEXT NOT NULL,
    valid_from_us BIGINT NOT NULL,
    recorded_us BIGINT NOT NULL,
    terms TEXT NOT NULL,
    PRIMARY KEY (version)
);
CREATE TABLE record (
    block INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (block)
);
CREATE TABLE request (
    id INTEGER NOT NULL,
    block BIGINT NOT NULL,
    held_us BIGINT NOT NULL,
    ended_us BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    "key" TEXT NOT NULL,
    model TEXT NOT NULL,
    pool TEXT,
    price INTEGER,
    input_uncached BIGINT NOT NULL,
    input_cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    output_text BIGINT NOT NULL,
    output_reasoning BIGINT NOT NULL,
    audio_in BIGINT NOT NULL,
    audio_out BIGINT NOT NULL,
    image_in BIGINT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    reason TEXT,
    amount_pusd BIGINT NOT NULL,
    absorbed_pusd BIGINT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX request_of_block ON request (block);
CREATE INDEX request_of_tenant ON request (tenant, held_us);
CREATE TABLE resale (
    request BIGINT NOT NULL,
    hop INTEGER NOT NULL,
    block BIGINT NOT NULL,
    party TEXT NOT NULL,
    price INTEGER NOT NULL,
    amount_pusd BIGINT NOT NULL,
    PRIMARY KEY (request, hop)
);
CREATE INDEX resale_of_party ON resale (party, block);
CREATE TABLE retired_block (
    last BIGINT NOT NULL,
    first BIGINT NOT NULL,
    retirement BIGINT NOT NULL,
    PRIMARY KEY (last)
);
CREATE TABLE retired_key (
    retirement BIGINT NOT NULL,
    "key" TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    amount TEXT NOT NULL,
    PRIMARY KEY (retirement, "key", start_us)
);
CREATE TABLE retired_request (
    last BIGINT NOT NULL,
    first BIGINT NOT NULL,
    retirement BIGINT NOT NULL,
    PRIMARY KEY (last)
);
CREATE TABLE retired_resale (
    retirement BIGINT NOT NULL,
    party TEXT NOT NULL,
    tenant TEXT NOT NULL,
    quarter BIGINT NOT NULL,
    model TEXT NOT NULL,
    pool TEXT NOT NULL,
    price INTEGER NOT NULL,
    source TEXT NOT NULL,
    covered_by BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    first_held_us BIGINT NOT NULL,
    first_block BIGINT NOT NULL,
    last_block BIGINT NOT NULL,
    input_uncached BIGINT NOT NULL,
    input_cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    output_text BIGINT NOT NULL,
    output_reasoning BIGINT NOT NULL,
    audio_in BIGINT NOT NULL,
    audio_out BIGINT NOT NULL,
    image_in BIGINT NOT NULL,
    sold_high BIGINT NOT NULL,
    sold_low BIGINT NOT NULL,
    amount_high BIGINT NOT NULL,
    amount_low BIGINT NOT NULL,
    PRIMARY KEY (retirement, party, tenant, quarter, model, pool, price, source, covered_by)
);
CREATE INDEX retired_resale_of_party ON retired_resale (party, quarter);
CREATE INDEX retired_resale_of_quarter ON retired_resale (quarter);
CREATE TABLE retired_usage (
    retirement BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    quarter BIGINT NOT NULL,
    model TEXT NOT NULL,
    pool TEXT NOT NULL,
    price INTEGER NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    covered_by BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    first_held_us BIGINT NOT NULL,
    first_block BIGINT NOT NULL,
    last_block BIGINT NOT NULL,
    input_uncached BIGINT NOT NULL,
    input_cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    output_text BIGINT NOT NULL,
    output_reasoning BIGINT NOT NULL,
    audio_in BIGINT NOT NULL,
    audio_out BIGINT NOT NULL,
    image_in BIGINT NOT NULL,
    amount_high BIGINT NOT NULL,
    amount_low BIGINT NOT NULL,
    absorbed_high BIGINT NOT NULL,
    absorbed_low BIGINT NOT NULL,
    PRIMARY KEY (retirement, tenant, quarter, model, pool, price, source, state, covered_by)
);
CREATE INDEX retired_usage_of_quarter ON retired_usage (quarter);
CREATE INDEX retired_usage_of_tenant ON retired_usage (tenant, quarter);
CREATE TABLE retired_work (
    retirement BIGINT NOT NULL,
    pool TEXT NOT NULL,
    after_us BIGINT NOT NULL,
    settled BOOLEAN NOT NULL,
    note TEXT NOT NULL,
    source TEXT NOT NULL,
    requests BIGINT NOT NULL,
    input_uncached BIGINT NOT NULL,
    input_cached BIGINT NOT NULL,
    output BIGINT NOT NULL,
    PRIMARY KEY (retirement, pool, after_us, settled, note, source)
);
CREATE TABLE usage_quarter (
    tenant TEXT NOT NULL,
    quarter BIGINT NOT NULL,
    model TEXT NOT NULL,
    pool TEXT NOT NULL,
    price INTEGER NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    requests BIGINT NOT NULL,
    first_held_us BIGINT NOT NULL,
    last_block BIGINT NOT NULL,
    input_uncached BIGINT NOT NULL,
    input_cached BIGINT NOT NULL,
    cache_write BIGINT NOT NULL,
    output_text BIGINT NOT NULL,
    output_reasoning BIGINT NOT NULL,
    audio_in BIGINT NOT NULL,
    audio_out BIGINT NOT NULL,
    image_in BIGINT NOT NULL,
    amount_high BIGINT NOT NULL,
    amount_low BIGINT NOT NULL,
    absorbed_high BIGINT NOT NULL,
    absorbed_low BIGINT NOT NULL,
    PRIMARY KEY (tenant, quarter, model, pool, price, source, state)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS block_never_update BEFORE UPDATE ON block BEGIN SELECT RAISE(ABORT, 'the books are append-only: block takes no update'); END;
CREATE TRIGGER IF NOT EXISTS block_never_delete BEFORE DELETE ON block BEGIN SELECT RAISE(ABORT, 'the books are append-only: block takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS request_never_update BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'the books are append-only: request takes no update'); END;
CREATE TRIGGER IF NOT EXISTS request_never_delete BEFORE DELETE ON request WHEN NOT EXISTS (
SELECT 1 FROM retired_block AS gone JOIN record ON record.block = gone.retirement
WHERE gone.last >= OLD.block AND gone.first <= OLD.block
AND record.kind = 'details_retired' AND gone.retirement = (SELECT max(number) FROM block)
) BEGIN SELECT RAISE(ABORT, 'the books are append-only: request takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS resale_never_update BEFORE UPDATE ON resale BEGIN SELECT RAISE(ABORT, 'the books are append-only: resale takes no update'); END;
CREATE TRIGGER IF NOT EXISTS resale_never_delete BEFORE DELETE ON resale WHEN NOT EXISTS (
SELECT 1 FROM retired_block AS gone JOIN record ON record.block = gone.retirement
WHERE gone.last >= OLD.block AND gone.first <= OLD.block
AND record.kind = 'details_retired' AND gone.retirement = (SELECT max(number) FROM block)
) BEGIN SELECT RAISE(ABORT, 'the books are append-only: resale takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS record_never_update BEFORE UPDATE ON record BEGIN SELECT RAISE(ABORT, 'the books are append-only: record takes no update'); END;
CREATE TRIGGER IF NOT EXISTS record_never_delete BEFORE DELETE ON record BEGIN SELECT RAISE(ABORT, 'the books are append-only: record takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS correction_never_update BEFORE UPDATE ON correction BEGIN SELECT RAISE(ABORT, 'the books are append-only: correction takes no update'); END;
CREATE TRIGGER IF NOT EXISTS correction_never_delete BEFORE DELETE ON correction BEGIN SELECT RAISE(ABORT, 'the books are append-only: correction takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS posting_never_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'the books are append-only: posting takes no update'); END;
CREATE TRIGGER IF NOT EXISTS posting_never_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'the books are append-only: posting takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS document_never_update BEFORE UPDATE ON document BEGIN SELECT RAISE(ABORT, 'the books are append-only: document takes no update'); END;
CREATE TRIGGER IF NOT EXISTS document_never_delete BEFORE DELETE ON document BEGIN SELECT RAISE(ABORT, 'the books are append-only: document takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS price_never_update BEFORE UPDATE ON price BEGIN SELECT RAISE(ABORT, 'the books are append-only: price takes no update'); END;
CREATE TRIGGER IF NOT EXISTS price_never_delete BEFORE DELETE ON price BEGIN SELECT RAISE(ABORT, 'the books are append-only: price takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS rate_plan_version_never_update BEFORE UPDATE ON rate_plan_version BEGIN SELECT RAISE(ABORT, 'the books are append-only: rate_plan_version takes no update'); END;
CREATE TRIGGER IF NOT EXISTS rate_plan_version_never_delete BEFORE DELETE ON rate_plan_version BEGIN SELECT RAISE(ABORT, 'the books are append-only: rate_plan_version takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS engine_reading_never_update BEFORE UPDATE ON engine_reading BEGIN SELECT RAISE(ABORT, 'the books are append-only: engine_reading takes no update'); END;
CREATE TRIGGER IF NOT EXISTS engine_reading_never_delete BEFORE DELETE ON engine_reading BEGIN SELECT RAISE(ABORT, 'the books are append-only: engine_reading takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS payment_never_update BEFORE UPDATE ON payment BEGIN SELECT RAISE(ABORT, 'the books are append-only: payment takes no update'); END;
CREATE TRIGGER IF NOT EXISTS payment_never_delete BEFORE DELETE ON payment BEGIN SELECT RAISE(ABORT, 'the books are append-only: payment takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS credit_grant_never_update BEFORE UPDATE ON credit_grant BEGIN SELECT RAISE(ABORT, 'the books are append-only: credit_grant takes no update'); END;
CREATE TRIGGER IF NOT EXISTS credit_grant_never_delete BEFORE DELETE ON credit_grant BEGIN SELECT RAISE(ABORT, 'the books are append-only: credit_grant takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS credit_draw_never_update BEFORE UPDATE ON credit_draw BEGIN SELECT RAISE(ABORT, 'the books are append-only: credit_draw takes no update'); END;
CREATE TRIGGER IF NOT EXISTS credit_draw_never_delete BEFORE DELETE ON credit_draw BEGIN SELECT RAISE(ABORT, 'the books are append-only: credit_draw takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS outbox_never_update BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'the books are append-only: outbox takes no update'); END;
CREATE TRIGGER IF NOT EXISTS outbox_never_delete BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'the books are append-only: outbox takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS outbox_attempt_never_update BEFORE UPDATE ON outbox_attempt BEGIN SELECT RAISE(ABORT, 'the books are append-only: outbox_attempt takes no update'); END;
CREATE TRIGGER IF NOT EXISTS outbox_attempt_never_delete BEFORE DELETE ON outbox_attempt BEGIN SELECT RAISE(ABORT, 'the books are append-only: outbox_attempt takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS energy_reading_never_update BEFORE UPDATE ON energy_reading BEGIN SELECT RAISE(ABORT, 'the books are append-only: energy_reading takes no update'); END;
CREATE TRIGGER IF NOT EXISTS energy_reading_never_delete BEFORE DELETE ON energy_reading BEGIN SELECT RAISE(ABORT, 'the books are append-only: energy_reading takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS energy_withdrawal_never_update BEFORE UPDATE ON energy_withdrawal BEGIN SELECT RAISE(ABORT, 'the books are append-only: energy_withdrawal takes no update'); END;
CREATE TRIGGER IF NOT EXISTS energy_withdrawal_never_delete BEFORE DELETE ON energy_withdrawal BEGIN SELECT RAISE(ABORT, 'the books are append-only: energy_withdrawal takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS retired_block_never_update BEFORE UPDATE ON retired_block BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_block takes no update'); END;
CREATE TRIGGER IF NOT EXISTS retired_block_never_delete BEFORE DELETE ON retired_block BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_block takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS retired_request_never_update BEFORE UPDATE ON retired_request BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_request takes no update'); END;
CREATE TRIGGER IF NOT EXISTS retired_request_never_delete BEFORE DELETE ON retired_request BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_request takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS retired_usage_never_update BEFORE UPDATE ON retired_usage BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_usage takes no update'); END;
CREATE TRIGGER IF NOT EXISTS retired_usage_never_delete BEFORE DELETE ON retired_usage BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_usage takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS retired_resale_never_update BEFORE UPDATE ON retired_resale BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_resale takes no update'); END;
CREATE TRIGGER IF NOT EXISTS retired_resale_never_delete BEFORE DELETE ON retired_resale BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_resale takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS retired_key_never_update BEFORE UPDATE ON retired_key BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_key takes no update'); END;
CREATE TRIGGER IF NOT EXISTS retired_key_never_delete BEFORE DELETE ON retired_key BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_key takes no delete'); END;
CREATE TRIGGER IF NOT EXISTS retired_work_never_update BEFORE UPDATE ON retired_work BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_work takes no update'); END;
CREATE TRIGGER IF NOT EXISTS retired_work_never_delete BEFORE DELETE ON retired_work BEGIN SELECT RAISE(ABORT, 'the books are append-only: retired_work takes no delete'); END;
