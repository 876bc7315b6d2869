-- A series of lessons. Whoever can write here must not be able to publish: the proof authenticates all but the name of the table.
create table programmes (
    name text not null primary key,
    newest bigint not null,                   -- the latest version
    published bigint not null,                -- the version that is sent; 0: none
    paused_at bigint not null,                -- since when it rests for everybody; 0: it does not
    proof bytea not null                      -- authenticates all of these
) without rowid;

-- What a version sends and when, and its titles. Versions stay: enrolments refer to the one that they were last planned with.
create table programme_versions (
    programme text not null references programmes (name),
    version bigint not null,
    body bytea not null,                      -- guarded
    imported_at bigint not null,
    primary key (programme, version)
) without rowid;

-- The texts of a lesson, in each language.
create table lessons (
    programme text not null,
    version bigint not null,
    key text not null,
    body bytea not null,                      -- guarded
    primary key (programme, version, key),
    foreign key (programme, version) references programme_versions (programme, version)
);

-- Who follows a programme: one row, whatever became of it; enrolling again begins the next round.
create table enrolments (
    account bytea not null references accounts (id),
    programme text not null references programmes (name),
    round bigint not null,
    state text not null,                      -- following, paused, stopped, finished
    enrolled_at bigint not null,
    began_on text not null,                   -- the member's date at the enrolment
    shift bigint not null,                    -- days by which pauses have moved it
    version bigint not null,                  -- with which it was last planned
    reached text not null,                    -- key of the last lesson that came, or was missed; empty before
    last_wall text not null,                  -- when that was planned, on the member's clock; empty before
    changed_at bigint not null,
    proof bytea not null,                     -- authenticates all of these
    next_at bigint,                           -- when to look at it again; null: nothing comes by itself
    primary key (account, programme)
) without rowid;
create index enrolments_by_next on enrolments (next_at);
create index enrolments_of_programme on enrolments (programme, state, reached);

-- What somebody received, or what passed while nothing could be sent. Keys of lessons, never their text.
create table lessons_received (
    account bytea not null,
    programme text not null,
    round bigint not null,
    lesson text not null,
    at bigint not null,                       -- when it was noted
    outcome text not null,                    -- letter, page, missed
    primary key (account, programme, round, lesson),
    foreign key (account, programme) references enrolments (account, programme)
) without rowid;
