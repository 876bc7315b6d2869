-- When to look next at what may encourage a member: once a day, in the morning where they live.
create table encouragement_looks (
    account bytea not null primary key references accounts (id),
    look_at bigint not null
) without rowid;
create index encouragement_looks_by_time on encouragement_looks (look_at);
insert into encouragement_looks (account, look_at) select id, 0 from accounts where role = 'member';

-- What a rule gave a member, once for each cause: suggested to their companions, or a reminder that goes by itself, whose letter
-- has the same id. It holds no text: names of rules, ids and times, as letters and messages have them.
create table encouragements (
    id bytea not null primary key,
    account bytea not null references accounts (id), -- the member
    thread bytea not null references threads (id),
    rule text not null,
    cause text not null,                      -- what it is for, among those of its rule
    since bigint not null,                    -- when that happened
    state text not null,                      -- waiting, sent, dismissed, withdrawn
    made_at bigint not null,
    ended_at bigint,
    sender bytea references accounts (id),    -- the companion who sent or dismissed it
    unique (account, rule, cause)
) without rowid;
create index encouragements_of_thread on encouragements (thread, state);

-- The rules that are switched off for the whole service. One that is not here is on.
create table encouragements_off (
    rule text not null primary key,
    since bigint not null
) without rowid;
