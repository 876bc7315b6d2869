-- In the common tongue of SQLite and PostgreSQL, but for `without rowid`, which only the first knows: its adapter keeps it.
-- Ids are the 16 bytes of a UUID, times are milliseconds since 1970 (UTC), `guarded` and `sealed` values are as in docs/security.md.

-- What the house itself knows: the officer's public key, the keyring's mark. Guarded.
create table house (
    name text not null primary key,
    body bytea not null
) without rowid;

create table accounts (
    id bytea not null primary key,
    address_index bytea not null unique,      -- blind index of the address
    email bytea not null,                     -- guarded
    first_name bytea not null,                -- guarded
    last_name bytea not null,                 -- guarded, may hold the empty text
    role text not null,
    status text not null,
    locale text not null,
    time_zone text not null,
    generation bigint not null,               -- of the account's key pair
    public_key bytea not null,
    proof bytea not null,                     -- authenticates id, role, status, generation, public key
    created_at bigint not null
) without rowid;

-- Where an account's private key is kept wrapped: one row per way in.
create table keyholes (
    account bytea not null references accounts (id),
    kind text not null,
    profile bigint not null,                  -- of Argon2id
    generation bigint not null,
    body bytea not null,                      -- guarded
    made_at bigint not null,
    primary key (account, kind)
) without rowid;

create table sessions (
    id bytea not null primary key,            -- keyed hash of the cookie
    account bytea not null references accounts (id),
    generation bigint not null,
    pepper bytea not null,                    -- id of the session pepper
    body bytea not null,                      -- guarded
    began_at bigint not null,
    expires_at bigint not null
) without rowid;
create index sessions_of_account on sessions (account);
create index sessions_by_end on sessions (expires_at);

create table threads (
    id bytea not null primary key,
    epoch bigint not null,                    -- the latest
    last_seq bigint not null,
    last_at bigint not null,                  -- of the last message, or when it was opened
    last_link bytea not null,
    head bytea not null,                      -- authenticates epoch, last_seq, last_link
    waiting_since bigint,                     -- since when the member waits for an answer
    opened_at bigint not null
) without rowid;

create table epochs (
    thread bytea not null references threads (id),
    number bigint not null,
    roster bytea not null,                    -- who may read it, in canonical bytes
    proof bytea not null,                     -- authenticates the roster
    primary key (thread, number)
) without rowid;

-- An epoch's secret, encrypted to one participant or to the recovery officer.
create table grants (
    thread bytea not null,
    epoch bigint not null,
    account bytea not null,
    giver_key bytea not null,
    body bytea not null,
    primary key (thread, epoch, account),
    foreign key (thread, epoch) references epochs (thread, number)
) without rowid;

-- Who takes part now, for look-ups; what it allows is checked against the roster.
create table participants (
    thread bytea not null references threads (id),
    account bytea not null references accounts (id),
    joined_at bigint not null,
    read_seq bigint not null,
    primary key (thread, account)
) without rowid;
create index participants_of_account on participants (account, thread);

create table messages (
    thread bytea not null references threads (id),
    seq bigint not null,
    id bytea not null,
    epoch bigint not null,
    author bytea not null,
    kind text not null,
    at bigint not null,
    body bytea not null,                      -- sealed
    link bytea not null,                      -- to the message before
    primary key (thread, seq)
) without rowid;
-- Made by the sender and ordered by time: the index grows at its end.
create unique index messages_by_id on messages (id, thread);

-- A letter that may be owed: at most one per participant and thread.
create table pending_notices (
    account bytea not null references accounts (id),
    thread bytea not null references threads (id),
    due_at bigint not null,
    told_seq bigint,                          -- last_seq when a letter told of it, null before
    primary key (account, thread)
) without rowid;
create index pending_notices_by_due on pending_notices (due_at);

-- The outbox. Rows hold facts, never the text of a message.
create table letters (
    id bytea not null primary key,
    account bytea not null references accounts (id),
    kind text not null,
    facts bytea not null,                     -- guarded
    message_id text not null,                 -- fixed when written: a repeat is recognisable
    state text not null,                      -- waiting, sent, refused, dropped
    due_at bigint not null,
    not_after bigint,                         -- too late to be of use after this
    attempts bigint not null,
    leased_until bigint,
    reason text,                              -- of the last failure; names no address
    written_at bigint not null,
    ended_at bigint
);
create index letters_by_due on letters (state, due_at);
