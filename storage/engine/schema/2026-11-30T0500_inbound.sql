-- Addresses by which a letter can be answered, each for one reader and one thread. The address itself is not kept, only its hash.
create table reply_addresses (
    lookup bytea not null primary key,        -- the hash of its token
    account bytea not null references accounts (id),
    thread bytea not null references threads (id),
    made_at bigint not null,
    revoked_at bigint,
    proof bytea not null                      -- authenticates all but when it was revoked
) without rowid;
create index reply_addresses_of_account on reply_addresses (account, made_at);

-- Mails that nobody vouches for, waiting for their owner's word; sealed to the owner alone.
create table quarantined_mails (
    id bytea not null primary key,            -- the message's, if it is taken
    account bytea not null references accounts (id),
    thread bytea not null references threads (id),
    generation bigint not null,               -- of the owner's key
    came_at bigint not null,
    body bytea not null                       -- sealed to the owner's key
);
create index quarantined_mails_of_account on quarantined_mails (account, thread, came_at);

-- The whole of a mail, of which the message is what its author wrote themselves; sealed as that is.
create table originals (
    thread bytea not null references threads (id),
    id bytea not null,                        -- the message's
    epoch bigint not null,
    author bytea not null,
    body bytea not null,                      -- sealed to the epoch, then guarded
    primary key (thread, id)
);
