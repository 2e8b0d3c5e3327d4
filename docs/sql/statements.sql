-- Every statement that src/storage builds, with its name and the file that builds it, as it is sent: only line breaks
-- and indentation are added. One that is built for each call is shown once for each shape that it takes. Statements
-- about a connection (advisory lock, listen, notify, ping) are one line each where they are sent, and not here.
--
-- `npm run sql` writes this file.

-- src/storage/change-client.ts, callChangeClient: addClient
with "clients" as (
  select change.outcome, change.revocation, (change.client).*
  from change_client(
    target => $1, change => $2, new_secret => $3::bytea, new_scopes => $4::text[],
    keep_previous_until => $5::timestamptz, ends => $6, held => $7::text[], by_client => $8, by_seen => $9::bigint,
    asked_at => $10::timestamptz, asked_by => $11, given_reason => $12
  ) change
)
select outcome, revocation, "id", "secret_digest", "scopes", floor(extract(epoch from "created_at") * 1000)::bigint,
  floor(extract(epoch from "disabled_at") * 1000)::bigint, "standing_since", "previous_secret_digest",
  floor(extract(epoch from "previous_secret_until") * 1000)::bigint,
  floor(extract(epoch from "deleted_at") * 1000)::bigint
from "clients";

-- src/storage/client-store.ts, addFirst: addFirstClient
with "added" as (
  insert into clients (id, secret_digest, scopes, created_at)
  select $1, $2::bytea, $3::text[], now()
  where not exists (select from clients)
  on conflict do nothing
  returning id
)
select id
from added;

-- src/storage/client-store.ts, clients: prepared
select "id", "secret_digest", "scopes", floor(extract(epoch from "created_at") * 1000)::bigint,
  floor(extract(epoch from "disabled_at") * 1000)::bigint, "standing_since", "previous_secret_digest",
  floor(extract(epoch from "previous_secret_until") * 1000)::bigint,
  floor(extract(epoch from "deleted_at") * 1000)::bigint
from "clients"
where "clients"."id" = any($1::text[]);

-- src/storage/client-store.ts, listClients
select "id", "secret_digest", "scopes", floor(extract(epoch from "created_at") * 1000)::bigint,
  floor(extract(epoch from "disabled_at") * 1000)::bigint, "standing_since", "previous_secret_digest",
  floor(extract(epoch from "previous_secret_until") * 1000)::bigint,
  floor(extract(epoch from "deleted_at") * 1000)::bigint
from "clients"
where "clients"."deleted_at" is null
order by "clients"."created_at" asc, "clients"."id" asc
limit $1;

-- src/storage/client-store.ts, listClients, the next page
select "id", "secret_digest", "scopes", floor(extract(epoch from "created_at") * 1000)::bigint,
  floor(extract(epoch from "disabled_at") * 1000)::bigint, "standing_since", "previous_secret_digest",
  floor(extract(epoch from "previous_secret_until") * 1000)::bigint,
  floor(extract(epoch from "deleted_at") * 1000)::bigint
from "clients"
where (
  "clients"."deleted_at" is null
  and ("clients"."created_at", "clients"."id") > (select created_at, id from clients where id = $1)
)
order by "clients"."created_at" asc, "clients"."id" asc
limit $2;

-- src/storage/client-store.ts, put: putClient
with "locked" as (select lock_scope(null, null)),
"done" as (
  insert into clients as known (id, secret_digest, scopes, created_at)
  select $1, $2::bytea, $3::text[], now()
  from locked
  on conflict (id) do update set secret_digest = excluded.secret_digest, scopes = excluded.scopes, disabled_at = null,
    previous_secret_digest = case
      when known.secret_digest = excluded.secret_digest and known.disabled_at is null then known.previous_secret_digest
    end,
    previous_secret_until = case
      when known.secret_digest = excluded.secret_digest and known.disabled_at is null then known.previous_secret_until
    end,
    standing_since = case
      when known.secret_digest = excluded.secret_digest and known.disabled_at is null then known.standing_since
      else nextval('revision')
    end
  where known.deleted_at is null
  returning id
)
select id
from done;

-- src/storage/count.ts, countByScan: a client, nothing revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz
    and hashtext(pair.client_id) = hashtext($4) and pair.client_id = $5
) counted;

-- src/storage/count.ts, countByScan: a client, sparing a session, some revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz
    and hashtext(pair.client_id) = hashtext($4) and pair.client_id = $5 and pair.session_id <> $6
  union all
  select case when is_live then 0 else -(1 + has_refresh::int) end,
    case when is_live then -(access_ended::int + refresh_ended::int) else -(1 + has_refresh::int) end
  from (
    select has_refresh, access_ended, refresh_ended, not is_covered
      and (access_expires_at > $7::timestamptz and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select pair.id, pair.has_refresh, pair.access_expires_at, bool_or(pair.is_covered) as is_covered,
        coalesce(bool_or(pair.half = 'access_token'), false) as access_ended,
        coalesce(bool_or(pair.half = 'refresh_token'), false) as refresh_ended
      from (
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, false as is_covered, earlier.selector as half
        from revocations earlier
        join token_pairs pair on pair.id = earlier.pair_id
        where earlier.pair_id is not null and earlier.revision < $8 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from revocations earlier
        join token_pairs pair on pair.realm = earlier.realm and pair.session_id = earlier.session_id
        where earlier.selector = 'session' and earlier.revision < $9 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is not null and revision < $10 and bound > $11
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm and hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is null and revision < $12 and bound > $13
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is null and username is not null and revision < $14 and bound > $15
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and client_id is not null and revision < $16 and bound > $17
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.client_id) = hashtext(earlier.client_id)
          and pair.client_id = earlier.client_id
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and everything and revision < $18 and bound > $19
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on true
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
      ) pair
      where pair.session_id < $20 and pair.session_id >= $21 and pair.expires_at > $22::timestamptz
        and hashtext(pair.client_id) = hashtext($23) and pair.client_id = $24 and pair.session_id <> $25
      group by pair.id, pair.has_refresh, pair.access_expires_at
    ) touched
  ) states
) counted;

-- src/storage/count.ts, countByScan: a realm, nothing revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and pair.realm = $4
) counted;

-- src/storage/count.ts, countByScan: a realm, sparing a session, some revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and pair.realm = $4
    and pair.session_id <> $5
  union all
  select case when is_live then 0 else -(1 + has_refresh::int) end,
    case when is_live then -(access_ended::int + refresh_ended::int) else -(1 + has_refresh::int) end
  from (
    select has_refresh, access_ended, refresh_ended, not is_covered
      and (access_expires_at > $6::timestamptz and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select pair.id, pair.has_refresh, pair.access_expires_at, bool_or(pair.is_covered) as is_covered,
        coalesce(bool_or(pair.half = 'access_token'), false) as access_ended,
        coalesce(bool_or(pair.half = 'refresh_token'), false) as refresh_ended
      from (
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, false as is_covered, earlier.selector as half
        from revocations earlier
        join token_pairs pair on pair.id = earlier.pair_id
        where earlier.pair_id is not null and earlier.revision < $7 and hashtext(earlier.realm) = hashtext($8)
          and earlier.realm = $9
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from revocations earlier
        join token_pairs pair on pair.realm = earlier.realm and pair.session_id = earlier.session_id
        where earlier.selector = 'session' and earlier.revision < $10 and hashtext(earlier.realm) = hashtext($11)
          and earlier.realm = $12
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is not null and revision < $13 and bound > $14
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm and hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is null and revision < $15 and bound > $16
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is null and username is not null and revision < $17 and bound > $18
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and client_id is not null and revision < $19 and bound > $20
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.client_id) = hashtext(earlier.client_id)
          and pair.client_id = earlier.client_id
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and everything and revision < $21 and bound > $22
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on true
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
      ) pair
      where pair.session_id < $23 and pair.session_id >= $24 and pair.expires_at > $25::timestamptz and pair.realm = $26
        and pair.session_id <> $27
      group by pair.id, pair.has_refresh, pair.access_expires_at
    ) touched
  ) states
) counted;

-- src/storage/count.ts, countByScan: a session, not revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and pair.realm = $4
    and hashtext(pair.username) = hashtext($5) and pair.username = $6 and pair.session_id = $7
) counted;

-- src/storage/count.ts, countByScan: a session, revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and pair.realm = $4
    and hashtext(pair.username) = hashtext($5) and pair.username = $6 and pair.session_id = $7
  union all
  select case when is_live then 0 else -(1 + has_refresh::int) end,
    case when is_live then -(access_ended::int + refresh_ended::int) else -(1 + has_refresh::int) end
  from (
    select has_refresh, access_ended, refresh_ended, not is_covered
      and (access_expires_at > $8::timestamptz and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select pair.id, pair.has_refresh, pair.access_expires_at, bool_or(pair.is_covered) as is_covered,
        coalesce(bool_or(pair.half = 'access_token'), false) as access_ended,
        coalesce(bool_or(pair.half = 'refresh_token'), false) as refresh_ended
      from (
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, false as is_covered, earlier.selector as half
        from revocations earlier
        join token_pairs pair on pair.id = earlier.pair_id
        where earlier.pair_id is not null and earlier.revision < $9 and hashtext(earlier.username) = hashtext($10)
          and earlier.username = $11 and earlier.realm = $12
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from revocations earlier
        join token_pairs pair on pair.realm = earlier.realm and pair.session_id = earlier.session_id
        where earlier.selector = 'session' and earlier.revision < $13 and hashtext(earlier.username) = hashtext($14)
          and earlier.username = $15 and earlier.realm = $16
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is not null and revision < $17 and bound > $18
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm and hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is null and revision < $19 and bound > $20
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is null and username is not null and revision < $21 and bound > $22
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and client_id is not null and revision < $23 and bound > $24
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.client_id) = hashtext(earlier.client_id)
          and pair.client_id = earlier.client_id
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and everything and revision < $25 and bound > $26
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on true
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
      ) pair
      where pair.session_id < $27 and pair.session_id >= $28 and pair.expires_at > $29::timestamptz and pair.realm = $30
        and hashtext(pair.username) = hashtext($31) and pair.username = $32 and pair.session_id = $33
      group by pair.id, pair.has_refresh, pair.access_expires_at
    ) touched
  ) states
) counted;

-- src/storage/count.ts, countByScan: a username in all realms, nothing revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz
    and hashtext(pair.username) = hashtext($4) and pair.username = $5
) counted;

-- src/storage/count.ts, countByScan: a username in all realms, sparing a session, some revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz
    and hashtext(pair.username) = hashtext($4) and pair.username = $5 and pair.session_id <> $6
  union all
  select case when is_live then 0 else -(1 + has_refresh::int) end,
    case when is_live then -(access_ended::int + refresh_ended::int) else -(1 + has_refresh::int) end
  from (
    select has_refresh, access_ended, refresh_ended, not is_covered
      and (access_expires_at > $7::timestamptz and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select pair.id, pair.has_refresh, pair.access_expires_at, bool_or(pair.is_covered) as is_covered,
        coalesce(bool_or(pair.half = 'access_token'), false) as access_ended,
        coalesce(bool_or(pair.half = 'refresh_token'), false) as refresh_ended
      from (
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, false as is_covered, earlier.selector as half
        from revocations earlier
        join token_pairs pair on pair.id = earlier.pair_id
        where earlier.pair_id is not null and earlier.revision < $8 and hashtext(earlier.username) = hashtext($9)
          and earlier.username = $10 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from revocations earlier
        join token_pairs pair on pair.realm = earlier.realm and pair.session_id = earlier.session_id
        where earlier.selector = 'session' and earlier.revision < $11 and hashtext(earlier.username) = hashtext($12)
          and earlier.username = $13 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is not null and revision < $14 and bound > $15
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm and hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is null and revision < $16 and bound > $17
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is null and username is not null and revision < $18 and bound > $19
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and client_id is not null and revision < $20 and bound > $21
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.client_id) = hashtext(earlier.client_id)
          and pair.client_id = earlier.client_id
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and everything and revision < $22 and bound > $23
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on true
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
      ) pair
      where pair.session_id < $24 and pair.session_id >= $25 and pair.expires_at > $26::timestamptz
        and hashtext(pair.username) = hashtext($27) and pair.username = $28 and pair.session_id <> $29
      group by pair.id, pair.has_refresh, pair.access_expires_at
    ) touched
  ) states
) counted;

-- src/storage/count.ts, countByScan: everything, nothing revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and true
) counted;

-- src/storage/count.ts, countByScan: everything, sparing a session, some revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and true
    and pair.session_id <> $4
  union all
  select case when is_live then 0 else -(1 + has_refresh::int) end,
    case when is_live then -(access_ended::int + refresh_ended::int) else -(1 + has_refresh::int) end
  from (
    select has_refresh, access_ended, refresh_ended, not is_covered
      and (access_expires_at > $5::timestamptz and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select pair.id, pair.has_refresh, pair.access_expires_at, bool_or(pair.is_covered) as is_covered,
        coalesce(bool_or(pair.half = 'access_token'), false) as access_ended,
        coalesce(bool_or(pair.half = 'refresh_token'), false) as refresh_ended
      from (
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, false as is_covered, earlier.selector as half
        from revocations earlier
        join token_pairs pair on pair.id = earlier.pair_id
        where earlier.pair_id is not null and earlier.revision < $6 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from revocations earlier
        join token_pairs pair on pair.realm = earlier.realm and pair.session_id = earlier.session_id
        where earlier.selector = 'session' and earlier.revision < $7 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is not null and revision < $8 and bound > $9
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm and hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is null and revision < $10 and bound > $11
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is null and username is not null and revision < $12 and bound > $13
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and client_id is not null and revision < $14 and bound > $15
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.client_id) = hashtext(earlier.client_id)
          and pair.client_id = earlier.client_id
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and everything and revision < $16 and bound > $17
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on true
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
      ) pair
      where pair.session_id < $18 and pair.session_id >= $19 and pair.expires_at > $20::timestamptz and true
        and pair.session_id <> $21
      group by pair.id, pair.has_refresh, pair.access_expires_at
    ) touched
  ) states
) counted;

-- src/storage/count.ts, countByScan: one owner, nothing revoked before
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and pair.realm = $4
    and hashtext(pair.username) = hashtext($5) and pair.username = $6
) counted;

-- src/storage/count.ts, countByScan: restored, count
select coalesce(sum(new_halves), 0), coalesce(sum(halves - new_halves), 0)
from (
  select 1 + pair.has_refresh::int as halves, 1 + pair.has_refresh::int as new_halves
  from token_pairs pair
  where pair.session_id < $1 and pair.session_id >= $2 and pair.expires_at > $3::timestamptz and true
  union all
  select case when is_live then 0 else -(1 + has_refresh::int) end,
    case when is_live then -(access_ended::int + refresh_ended::int) else -(1 + has_refresh::int) end
  from (
    select has_refresh, access_ended, refresh_ended, not is_covered
      and (access_expires_at > $4::timestamptz and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select pair.id, pair.has_refresh, pair.access_expires_at, bool_or(pair.is_covered) as is_covered,
        coalesce(bool_or(pair.half = 'access_token'), false) as access_ended,
        coalesce(bool_or(pair.half = 'refresh_token'), false) as refresh_ended
      from (
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, false as is_covered, earlier.selector as half
        from revocations earlier
        join token_pairs pair on pair.id = earlier.pair_id
        where earlier.pair_id is not null and earlier.revision < $5 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from revocations earlier
        join token_pairs pair on pair.realm = earlier.realm and pair.session_id = earlier.session_id
        where earlier.selector = 'session' and earlier.revision < $6 and true
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is not null and revision < $7 and bound > $8
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm and hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is not null and username is null and revision < $9 and bound > $10
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on pair.realm = earlier.realm
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and realm is null and username is not null and revision < $11 and bound > $12
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.username) = hashtext(earlier.username)
          and pair.username = earlier.username
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and client_id is not null and revision < $13 and bound > $14
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on hashtext(pair.client_id) = hashtext(earlier.client_id)
          and pair.client_id = earlier.client_id
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
        union all
        select pair.id, pair.session_id, pair.realm, pair.username, pair.client_id, pair.access_expires_at,
          pair.expires_at, pair.has_refresh, true as is_covered, null as half
        from (
          select *
          from (
            select *, row_number() over (partition by realm, username, client_id order by bound desc) as place
            from (
              select realm, username, client_id, spared_session_id, max(bound) as bound
              from revocations
              where selector = 'owner' and everything and revision < $15 and bound > $16
              group by realm, username, client_id, spared_session_id
            ) sparing
          ) ranked
          where place <= 2
        ) earlier
        join token_pairs pair on true
        where earlier.bound > pair.session_id and earlier.spared_session_id is distinct from pair.session_id
      ) pair
      where pair.session_id < $17 and pair.session_id >= $18 and pair.expires_at > $19::timestamptz and true
      group by pair.id, pair.has_refresh, pair.access_expires_at
    ) touched
  ) states
) counted;

-- src/storage/count.ts, count_of_owner: prepared
select pairs, invalidated, previously_invalidated
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
  with ordinality asked (realm, username, session_id, bound, spared_session_id, revision, at, place)
inner join lateral (
  select count(*) as pairs, coalesce(sum(halves - ended) filter (where is_live), 0) as invalidated,
    coalesce(sum(ended) filter (where is_live), 0) as previously_invalidated
  from (
    select 1 + has_refresh::int as halves, access_ended::int + refresh_ended::int as ended, not is_covered
      and (access_expires_at > asked.at and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select *
      from (
        select *
        from (
          select *
          from token_pairs pair
          where hashtext(pair.username) = hashtext(asked.username) and pair.username = asked.username
            and hashtext(pair.realm) = hashtext(asked.realm)
          offset 0
        ) pair
        where pair.realm = asked.realm
      ) pair
      where pair.session_id is distinct from asked.spared_session_id and pair.realm = asked.realm
        and pair.session_id < asked.bound and pair.expires_at > asked.at
      limit 1000
    ) pair
    cross join lateral (
      select exists (
        select
        from revocations
        where pair_id = pair.id and selector = 'access_token' and revision < asked.revision
        offset 0
      ) as access_ended,
        exists (
          select
          from revocations
          where pair_id = pair.id and selector = 'refresh_token' and revision < asked.revision
          offset 0
        ) as refresh_ended,
        exists (
          select
          from revocations
          where selector = 'session' and session_id = pair.session_id and revision < asked.revision
          offset 0
        )
        or exists (
          select
          from (
            select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
            union all
            select * from revocations where selector = 'owner' and realm = pair.realm and username is null
            union all
            select * from revocations where selector = 'owner' and realm is null and username = pair.username
            union all
            select * from revocations where client_id = pair.client_id
            union all
            select * from revocations where everything
          ) covering
          where revision < asked.revision and bound > pair.session_id
            and spared_session_id is distinct from pair.session_id
          offset 0
        ) as is_covered
      offset 0
    ) earlier
  ) states
) counted on true
order by place;

-- src/storage/count.ts, count_of_session: prepared
select pairs, invalidated, previously_invalidated
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
  with ordinality asked (realm, username, session_id, bound, spared_session_id, revision, at, place)
inner join lateral (
  select count(*) as pairs, coalesce(sum(halves - ended) filter (where is_live), 0) as invalidated,
    coalesce(sum(ended) filter (where is_live), 0) as previously_invalidated
  from (
    select 1 + has_refresh::int as halves, access_ended::int + refresh_ended::int as ended, not is_covered
      and (access_expires_at > asked.at and not access_ended or has_refresh and not refresh_ended) as is_live
    from (
      select *
      from token_pairs pair
      where pair.session_id = asked.session_id and pair.realm = asked.realm and pair.session_id < asked.bound
        and pair.expires_at > asked.at
      limit 1000
    ) pair
    cross join lateral (
      select exists (
        select
        from revocations
        where pair_id = pair.id and selector = 'access_token' and revision < asked.revision
        offset 0
      ) as access_ended,
        exists (
          select
          from revocations
          where pair_id = pair.id and selector = 'refresh_token' and revision < asked.revision
          offset 0
        ) as refresh_ended,
        exists (
          select
          from revocations
          where selector = 'session' and session_id = pair.session_id and revision < asked.revision
          offset 0
        )
        or exists (
          select
          from (
            select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
            union all
            select * from revocations where selector = 'owner' and realm = pair.realm and username is null
            union all
            select * from revocations where selector = 'owner' and realm is null and username = pair.username
            union all
            select * from revocations where client_id = pair.client_id
            union all
            select * from revocations where everything
          ) covering
          where revision < asked.revision and bound > pair.session_id
            and spared_session_id is distinct from pair.session_id
          offset 0
        ) as is_covered
      offset 0
    ) earlier
  ) states
) counted on true
order by place;

-- src/storage/count.ts, readEarlier: a client, nothing revoked before
select (
  select coalesce(max(bound), 0)
  from (select * from revocations where client_id = $1 union all select * from revocations where everything) covering
  where revision < $2 and spared_session_id is null
),
  exists (select from revocations where pair_id is not null and revision < $3),
  exists (select from revocations where selector = 'session' and revision < $4),
  exists (
    select
    from (select * from revocations where selector = 'owner' and true and true) touching
    where revision < $5
      and revision not in (
        select revision
        from (
          select * from revocations where client_id = $6 union all select * from revocations where everything
        ) covering
        where revision < $7 and spared_session_id is null
      )
  )
from (select) one;

-- src/storage/count.ts, readEarlier: a realm, nothing revoked before
select (
  select coalesce(max(bound), 0)
  from (
    select * from revocations where selector = 'owner' and realm = $1 and username is null
    union all
    select * from revocations where everything
  ) covering
  where revision < $2 and spared_session_id is null
),
  exists (select from revocations where pair_id is not null and revision < $3),
  exists (select from revocations where selector = 'session' and revision < $4),
  exists (
    select
    from (
      select * from revocations where selector = 'owner' and realm = $5 and true
      union all
      select * from revocations where selector = 'owner' and realm is null and true
    ) touching
    where revision < $6
      and revision not in (
        select revision
        from (
          select * from revocations where selector = 'owner' and realm = $7 and username is null
          union all
          select * from revocations where everything
        ) covering
        where revision < $8 and spared_session_id is null
      )
  )
from (select) one;

-- src/storage/count.ts, readEarlier: a session, not revoked before
select (
  select coalesce(max(bound), 0)
  from (
    select * from revocations where selector = 'owner' and realm = $1 and username = $2
    union all
    select * from revocations where selector = 'owner' and realm = $3 and username is null
    union all
    select * from revocations where selector = 'owner' and realm is null and username = $4
    union all
    select * from revocations where everything
  ) covering
  where revision < $5 and spared_session_id is null
),
  exists (select from revocations where pair_id is not null and revision < $6),
  exists (select from revocations where selector = 'session' and revision < $7),
  exists (
    select
    from (
      select * from revocations where selector = 'owner' and realm = $8 and username = $9
      union all
      select * from revocations where selector = 'owner' and realm = $10 and username is null
      union all
      select * from revocations where selector = 'owner' and realm is null and username = $11
      union all
      select * from revocations where selector = 'owner' and realm is null and username is null
    ) touching
    where revision < $12
      and revision not in (
        select revision
        from (
          select * from revocations where selector = 'owner' and realm = $13 and username = $14
          union all
          select * from revocations where selector = 'owner' and realm = $15 and username is null
          union all
          select * from revocations where selector = 'owner' and realm is null and username = $16
          union all
          select * from revocations where everything
        ) covering
        where revision < $17 and spared_session_id is null
      )
  )
from (select) one;

-- src/storage/count.ts, readEarlier: a username in all realms, nothing revoked before
select (
  select coalesce(max(bound), 0)
  from (
    select * from revocations where selector = 'owner' and realm is null and username = $1
    union all
    select * from revocations where everything
  ) covering
  where revision < $2 and spared_session_id is null
),
  exists (select from revocations where pair_id is not null and revision < $3),
  exists (select from revocations where selector = 'session' and revision < $4),
  exists (
    select
    from (
      select * from revocations where selector = 'owner' and true and username = $5
      union all
      select * from revocations where selector = 'owner' and true and username is null
    ) touching
    where revision < $6
      and revision not in (
        select revision
        from (
          select * from revocations where selector = 'owner' and realm is null and username = $7
          union all
          select * from revocations where everything
        ) covering
        where revision < $8 and spared_session_id is null
      )
  )
from (select) one;

-- src/storage/count.ts, readEarlier: everything, nothing revoked before
select (
  select coalesce(max(bound), 0)
  from (select * from revocations where everything) covering
  where revision < $1 and spared_session_id is null
),
  exists (select from revocations where pair_id is not null and revision < $2),
  exists (select from revocations where selector = 'session' and revision < $3),
  exists (
    select
    from (select * from revocations where selector = 'owner' and true and true) touching
    where revision < $4
      and revision not in (
        select revision
        from (select * from revocations where everything) covering
        where revision < $5 and spared_session_id is null
      )
  )
from (select) one;

-- src/storage/engine/identity.ts, adoptTimeline: opening
update "database_identity"
set "timeline" = $1, "written_by" = pg_current_xact_id()
where "database_identity"."timeline" = $2
returning "timeline";

-- src/storage/engine/identity.ts, readIdentity: opening
select (select system_identifier::text from pg_control_system()),
  (select oid::bigint from pg_database where datname = current_database()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint, "database_identity"."system_identifier",
  "database_identity"."database_oid", "database_identity"."timeline", "database_identity"."written_by",
  "database_identity".xmin::text
from (select) as one
left join "database_identity" on true;

-- src/storage/engine/identity.ts, writeIdentity: restored
insert into "database_identity" (
  "is_only", "system_identifier", "database_oid", "timeline", "epoch_began_at", "written_by"
)
values (
  default, (select system_identifier::text from pg_control_system()),
  (select oid::bigint from pg_database where datname = current_database()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint, default, default
)
on conflict ("is_only") do update set "system_identifier" = (select system_identifier::text from pg_control_system()),
  "database_oid" = (select oid::bigint from pg_database where datname = current_database()),
  "timeline" = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint,
  "epoch_began_at" = greatest(clock_timestamp(), "database_identity"."epoch_began_at" + interval '1 ms'),
  "written_by" = pg_current_xact_id();

-- src/storage/engine/identity.ts, writeIdentity: the first opening
insert into "database_identity" (
  "is_only", "system_identifier", "database_oid", "timeline", "epoch_began_at", "written_by"
)
values (
  default, (select system_identifier::text from pg_control_system()),
  (select oid::bigint from pg_database where datname = current_database()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint, default, default
)
on conflict do nothing;

-- src/storage/engine/migrations.ts, readApplied: migrations that are missing
select created_at from drizzle.__drizzle_migrations;

-- src/storage/engine/migrations.ts, readApplied: migrations that are missing
select to_regclass('drizzle.__drizzle_migrations')::text from (select) as one;

-- src/storage/engine/restored.ts, repairRestoredRows: a restored dump
update forgotten_revocations set up_to = '1' where not pg_visible_in_snapshot(up_to, pg_current_snapshot());

-- src/storage/engine/restored.ts, repairRestoredRows: a restored dump
update revocations
set xid = '1'
where xid >= pg_snapshot_xmin(pg_current_snapshot()) and not pg_visible_in_snapshot(xid, pg_current_snapshot());

-- src/storage/find.ts, find: prepared
select json_agg(
  json_build_array(
    named.place, "token_pair_states"."slot", "token_pair_states"."id", "token_pair_states"."session_id",
    "token_pair_states"."realm", "token_pair_states"."username", "token_pair_states"."client_id",
    "token_pair_states"."scopes", floor(extract(epoch from "token_pair_states"."issued_at") * 1000)::bigint,
    encode("token_pair_states"."access_digest", 'base64'),
    floor(extract(epoch from "token_pair_states"."access_expires_at") * 1000)::bigint,
    "token_pair_states"."access_invalidated", "token_pair_states"."access_ended",
    encode("token_pair_states"."refresh_digest", 'base64'),
    floor(extract(epoch from "token_pair_states"."expires_at") * 1000)::bigint,
    "token_pair_states"."refresh_invalidated", "token_pair_states"."refresh_ended",
    "token_pair_states"."successor_slot", "token_pair_states"."successor_id",
    encode("token_pair_states"."salt", 'base64'),
    floor(extract(epoch from "token_pair_states"."spent_at") * 1000)::bigint
  )
)
from unnest($1::smallint[], $2::bigint[]) with ordinality named (slot, id, place)
inner join lateral (
  select * from "token_pair_states" where slot = named.slot and id = named.id limit 1
) "token_pair_states" on true;

-- src/storage/invalidate-half.ts, invalidate_halves: prepared
with "known" as (
  select pair.id, pair.session_id, pair.realm, pair.username, selector::revocation_selector as selector, asked_at,
    caller, reason, comment, pair.ordinality as place, nextval('revision') as revision,
    case selector when 'access_token' then pair.access_ended else pair.refresh_ended end as is_ended,
    row_number() over (partition by pair.id, selector order by pair.ordinality) = 1 as is_first
  from rows from (
    unnest($1::text[], $2::bytea[], $3::timestamptz[], $4::text[], $5::text[], $6::text[]),
    lock_pairs($7::smallint[], $8::bigint[])
  ) with ordinality pair (selector, digest, asked_at, caller, reason, comment)
  where digest = case selector when 'access_token' then pair.access_digest else pair.refresh_digest end
),
"ended" as (
  insert into revocations (
    revision, selector, pair_id, session_id, realm, username, at, caller, reason, comment, invalidated,
    previously_invalidated
  )
  select revision, selector, id, session_id, realm, username, asked_at, caller, reason, comment, 1, 0
  from known
  where is_first and not is_ended
  order by id, selector
  on conflict do nothing
  returning revision
)
select place, revision, revision in (select revision from ended)
from known;

-- src/storage/invalidate-scope.ts, append: prepared
with "locked" as (select lock_scope($1::text, $2::text)),
"numbered" as (select nextval('revision') as revision from locked),
"appended" as (
  insert into revocations (
    revision, selector, session_id, realm, username, client_id, everything, bound, spared_session_id, at, caller,
    reason, comment
  )
  select revision, $3::text::revocation_selector, $4::bigint, $5::text, $6::text, $7::text, $8::boolean,
    coalesce($9::bigint, revision), $10::bigint, $11::timestamptz, $12::text, $13::text, $14::text
  from numbered
  where not exists (select from revocations where selector = 'session' and session_id = $15::bigint)
  returning revision, bound
)
select "revision", "bound"
from "appended";

-- src/storage/invalidate-scope.ts, boundBefore: a client, sparing a session, some revoked before
select max(session_id)
from (
  (
    select pair.session_id
    from token_pairs pair
    where hashtext(pair.client_id) = hashtext($1) and pair.client_id = $2 and pair.session_id < $3
      and coalesce(pair.session_started_at, pair.issued_at) < to_timestamp($4::float8 / 1000)
    order by (pair.session_id >> 12) desc, pair.session_id desc
    limit 1
  )
) last;

-- src/storage/invalidate-scope.ts, boundBefore: a realm, sparing a session, some revoked before
select max(session_id)
from (
  (
    select pair.session_id
    from token_pairs pair
    where pair.realm = $1 and pair.session_id < $2
      and coalesce(pair.session_started_at, pair.issued_at) < to_timestamp($3::float8 / 1000)
    order by pair.session_id desc
    limit 1
  )
) last;

-- src/storage/invalidate-scope.ts, boundBefore: a username in all realms, sparing a session, some revoked before
select max(session_id)
from (
  (
    select pair.session_id
    from token_pairs pair
    where hashtext(pair.username) = hashtext($1) and pair.username = $2 and pair.session_id < $3
      and coalesce(pair.session_started_at, pair.issued_at) < to_timestamp($4::float8 / 1000)
    order by pair.session_id desc
    limit 1
  )
) last;

-- src/storage/invalidate-scope.ts, boundBefore: everything, sparing a session, some revoked before
select max(session_id)
from (
  (
    select pair.session_id
    from token_pairs pair
    where pair.id = pair.session_id and pair.session_id < $1
      and coalesce(pair.session_started_at, pair.issued_at) < to_timestamp($2::float8 / 1000)
    order by pair.id desc
    limit 1
  )
  union all
  (
    select pair.session_id
    from token_pairs pair
    where pair.id <> pair.session_id and pair.session_id < $3
      and coalesce(pair.session_started_at, pair.issued_at) < to_timestamp($4::float8 / 1000)
    order by pair.session_id desc
    limit 1
  )
) last;

-- src/storage/invalidate-scope.ts, boundBefore: one owner, sparing a session, some revoked before
select max(session_id)
from (
  (
    select pair.session_id
    from token_pairs pair
    where pair.realm = $1 and hashtext(pair.username) = hashtext($2) and pair.username = $3 and pair.session_id < $4
      and coalesce(pair.session_started_at, pair.issued_at) < to_timestamp($5::float8 / 1000)
    order by pair.session_id desc
    limit 1
  )
) last;

-- src/storage/invalidate-scope.ts, completeCounts: counts that were abandoned
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where ("revocations"."selector" in ($1, $2) and "revocations"."invalidated" is null and "revocations"."at" < $3)
order by "revocations"."revision"
limit $4;

-- src/storage/invalidate-scope.ts, nextRevision: a session, not revoked before
with "locked" as (select lock_scope($1, $2)) select nextval('revision') from locked;

-- src/storage/invalidate-scope.ts, record: prepared
update "revocations"
set "invalidated" = asked.invalidated, "previously_invalidated" = asked.previously_invalidated
from unnest($1::bigint[], $2::bigint[], $3::bigint[]) asked (revision, invalidated, previously_invalidated)
where "revocations"."revision" = asked.revision;

-- src/storage/issue.ts, issue: prepared
with "asked" as (
  select *
  from unnest(
    $1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
    $8::timestamptz[], $9::bytea[], $10::bytea[], $11::text[], $12::text[], $13::text[]
  )
    with ordinality asked (
      slot, realm, username, client_id, scopes, issued_at, access_expires_at, expires_at, access_digest, refresh_digest,
      device_label, user_agent, ip_address, place
    )
),
"locked" as (select lock_names_shared($14::text[], $15::text[])),
"checked" as (select outdated_clients($16::text[], $17::bigint[]) as outdated from locked),
"numbered" as (
  select asked.*, nextval('revision') as id, clock_timestamp() as inserted_at
  from checked
  cross join asked
  where asked.place <> all(checked.outdated)
),
"inserted" as (
  insert into token_pairs (
    slot, id, session_id, realm, username, client_id, scopes, issued_at, session_started_at, access_expires_at,
    expires_at, access_digest, refresh_digest, device_label, user_agent, ip_address
  )
  select slot, id, id, realm, username, client_id, scopes, issued_at,
    case when abs(extract(epoch from inserted_at - issued_at)) > 0.1 then inserted_at end, access_expires_at,
    expires_at, access_digest, refresh_digest, device_label, user_agent, ip_address
  from numbered
  order by id
)
select "id", "place"
from "numbered";

-- src/storage/log-state.ts, readLogState: after a cursor
with "now" as (select pg_current_snapshot() as snapshot, coalesce($1::pg_snapshot, pg_current_snapshot()) as target),
"page" as (
  (
    select *
    from revocations
    where xid >= $2::xid8 and (xid, revision) > ($3::xid8, $4::bigint)
      and pg_visible_in_snapshot(xid, (select target from now)) and true
    order by xid, revision
    limit $5
  )
  union all
  (
    select *
    from revocations
    where xid = any($6::xid8[]) and (xid, revision) > ($7::xid8, $8::bigint)
      and pg_visible_in_snapshot(xid, (select target from now)) and true
    order by xid, revision
    limit $9
  )
  order by xid, revision
  limit $10
)
select concat_ws(
  '-', (select system_identifier::text from pg_control_system()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint,
  coalesce((select floor(extract(epoch from epoch_began_at) * 1000)::bigint from database_identity), 0)
),
  snapshot::text, (select up_to::text from forgotten_revocations),
  (select json_agg(page) from (select *, floor(extract(epoch from at) * 1000)::bigint as at_ms from page) page)
from now;

-- src/storage/log-state.ts, readLogState: from the beginning
with "now" as (select pg_current_snapshot() as snapshot, coalesce($1::pg_snapshot, pg_current_snapshot()) as target),
"page" as (
  select *
  from revocations
  where revision > 0 and pg_visible_in_snapshot(xid, (select target from now)) and true
  order by revision
  limit $2
)
select concat_ws(
  '-', (select system_identifier::text from pg_control_system()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint,
  coalesce((select floor(extract(epoch from epoch_began_at) * 1000)::bigint from database_identity), 0)
),
  snapshot::text, (select up_to::text from forgotten_revocations),
  (select json_agg(page) from (select *, floor(extract(epoch from at) * 1000)::bigint as at_ms from page) page)
from now;

-- src/storage/log-state.ts, readLogState: where the log is
with "now" as (select pg_current_snapshot() as snapshot, coalesce($1::pg_snapshot, pg_current_snapshot()) as target),
"page" as (select * from revocations where false)
select concat_ws(
  '-', (select system_identifier::text from pg_control_system()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint,
  coalesce((select floor(extract(epoch from epoch_began_at) * 1000)::bigint from database_identity), 0)
),
  snapshot::text, (select up_to::text from forgotten_revocations), null
from now;

-- src/storage/refresh.ts, refresh: prepared
with "token_pair_states" as (
  select pair.*, nextval('revision') as new_id,
    row_number() over (partition by pair.slot, pair.id order by pair.ordinality) = 1 and not pair.refresh_invalidated
    and pair.spent_at is null and pair.expires_at > asked_at as may_spend
  from rows from (
    unnest(
      $1::bytea[], $2::timestamptz[], $3::bytea[], $4::smallint[], $5::timestamptz[], $6::timestamptz[], $7::bytea[],
      $8::bytea[]
    ),
    lock_pairs($9::smallint[], $10::bigint[])
  )
    with ordinality pair (
      digest, asked_at, new_salt, new_slot, new_access_expires_at, new_expires_at, new_access_digest, new_refresh_digest
    )
  where digest = pair.refresh_digest
),
"spent" as (
  insert into spent_refresh_tokens (slot, pair_id, successor_slot, successor_id, salt, spent_at)
  select slot, id, new_slot, new_id, new_salt, asked_at + date_trunc('second', clock_timestamp() - now())
  from token_pair_states
  where may_spend
  order by id
  on conflict do nothing
  returning successor_id
),
"succeeded" as (
  insert into token_pairs (
    slot, id, session_id, realm, username, client_id, scopes, issued_at, session_started_at, access_expires_at,
    expires_at, access_digest, refresh_digest, device_label, user_agent, ip_address
  )
  select new_slot, new_id, session_id, realm, username, client_id, scopes, asked_at, started_at, new_access_expires_at,
    new_expires_at, new_access_digest, new_refresh_digest, device_label, user_agent, ip_address
  from token_pair_states
  where (new_id in (select successor_id from spent)) is true
)
select json_agg(
  json_build_array(
    ordinality, case when (new_id in (select successor_id from spent)) is true then new_id end,
    "token_pair_states"."slot", "token_pair_states"."id", "token_pair_states"."session_id", "token_pair_states"."realm",
    "token_pair_states"."username", "token_pair_states"."client_id", "token_pair_states"."scopes",
    floor(extract(epoch from "token_pair_states"."issued_at") * 1000)::bigint,
    encode("token_pair_states"."access_digest", 'base64'),
    floor(extract(epoch from "token_pair_states"."access_expires_at") * 1000)::bigint,
    "token_pair_states"."access_invalidated", "token_pair_states"."access_ended",
    encode("token_pair_states"."refresh_digest", 'base64'),
    floor(extract(epoch from "token_pair_states"."expires_at") * 1000)::bigint,
    "token_pair_states"."refresh_invalidated", "token_pair_states"."refresh_ended",
    "token_pair_states"."successor_slot", "token_pair_states"."successor_id",
    encode("token_pair_states"."salt", 'base64'),
    floor(extract(epoch from "token_pair_states"."spent_at") * 1000)::bigint
  )
)
from "token_pair_states";

-- src/storage/restore-store.ts, moveSequence: restored
select last_value,
  greatest(
    coalesce((select max(id) from token_pairs), 0), coalesce((select max(revision) from revocations), 0),
    coalesce((select max(standing_since) from clients), 0)
  ),
  extract(epoch from clock_timestamp())
from revision;

-- src/storage/restore-store.ts, moveSequence: restored
select setval('revision', $1) from (select) as one;

-- src/storage/restore-store.ts, readEpoch: restored, count
select concat_ws(
  '-', (select system_identifier::text from pg_control_system()),
  ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint,
  coalesce((select floor(extract(epoch from epoch_began_at) * 1000)::bigint from database_identity), 0)
)
from (select) as one;

-- src/storage/restore-store.ts, restored
select lock_scope(null, null);

-- src/storage/retention.ts, deleteRevocations: retention
with "gone" as (
  delete from revocations
  where revision in (
    select revision
    from revocations
    where revision < coalesce((select min(id) from "token_pairs"), 281474976710655) and at < $1::timestamptz
    order by revision
    limit $2
    for update skip locked
  )
  returning xid
),
"noted" as (
  insert into forgotten_revocations as noted (up_to)
  select xid
  from gone
  order by xid desc
  limit 1
  on conflict (is_only) do update set up_to = greatest(noted.up_to, excluded.up_to)
)
select count(*)
from gone;

-- src/storage/retention.ts, emptySlot: retention
select empty_slot($1, $2::timestamptz) from (select) one;

-- src/storage/revocation-log.ts, findAll: find
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where "revocations"."revision" in ($1);

-- src/storage/revocation-log.ts, findEnding
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where "revocations"."revision" in (
  select covered_by from token_pair_states where slot = $1 and id = $2
  union all
  select revision from revocations where pair_id = $3 and selector = 'access_token'
)
order by "revocations"."revision"
limit $4;

-- src/storage/revocation-log.ts, list: a client
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where "revocations"."revision" = any(array(select revision from revocations where client_id = $1))
order by "revocations"."revision" desc
limit $2;

-- src/storage/revocation-log.ts, list: a realm
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where hashtext(revocations.realm) = hashtext($1) and revocations.realm = $2
order by "revocations"."revision" desc
limit $3;

-- src/storage/revocation-log.ts, list: a session, with a reason, the next page
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where ("revocations"."session_id" = $1 and "revocations"."reason" = $2 and "revocations"."revision" < $3)
order by "revocations"."revision" desc
limit $4;

-- src/storage/revocation-log.ts, list: a username in all realms
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where hashtext(revocations.username) = hashtext($1) and revocations.username = $2 and true
order by "revocations"."revision" desc
limit $3;

-- src/storage/revocation-log.ts, list: all
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
order by "revocations"."revision" desc
limit $1;

-- src/storage/revocation-log.ts, list: one owner
select "revision", "selector", "pair_id", "session_id", "realm", "username", "bound", "spared_session_id",
  floor(extract(epoch from "at") * 1000)::bigint, "caller", "invalidated", "previously_invalidated", "reason",
  "comment", "xid", "client_id", "everything"
from "revocations"
where hashtext(revocations.username) = hashtext($1) and revocations.username = $2 and revocations.realm = $3
order by "revocations"."revision" desc
limit $4;

-- src/storage/session-candidates.ts, listCandidates: a client, all sessions
select session_id
from (
  (
    select session_id
    from (
      select pair.*, (pair.session_id >> 12) as block
      from token_pairs pair
      where hashtext(pair.client_id) = hashtext($1) and pair.client_id = $2
        and (pair.session_id >> 12) <= 2199023255551::bigint and (pair.session_id >> 12) >= 0::bigint
      order by (pair.session_id >> 12) desc, pair.session_id desc
      offset 0
    ) pair
    where session_id < 9007199254740991::bigint and session_id >= 0::bigint and true
    group by block, session_id
    order by block desc, session_id desc
    limit 10::bigint
  )
) candidates
order by session_id desc
limit $3;

-- src/storage/session-candidates.ts, listCandidates: a client, live sessions
select session_id
from (
  (
    select session_id
    from (
      select pair.*, (pair.session_id >> 12) as block
      from token_pairs pair
      where hashtext(pair.client_id) = hashtext($1) and pair.client_id = $2
        and (pair.session_id >> 12) <= 2199023255551::bigint and (pair.session_id >> 12) >= 0::bigint
      order by (pair.session_id >> 12) desc, pair.session_id desc
      offset 0
    ) pair
    where session_id < 9007199254740991::bigint and session_id >= 0::bigint and pair.expires_at > $3::timestamptz
      and not exists (
        select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id offset 0
      )
      and (
        not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'access_token' offset 0
        )
        or pair.has_refresh
        and not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'refresh_token' offset 0
        )
      )
      and not exists (
        select
        from (
          select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
          union all
          select * from revocations where selector = 'owner' and realm = pair.realm and username is null
          union all
          select * from revocations where selector = 'owner' and realm is null and username = pair.username
          union all
          select * from revocations where client_id = pair.client_id
          union all
          select * from revocations where everything
        ) covering
        where bound > pair.session_id and spared_session_id is distinct from pair.session_id
        offset 0
      )
    group by block, session_id
    order by block desc, session_id desc
    limit 10::bigint
  )
  union all
  (
    select session_id
    from (
      select pair.*
      from (
        select distinct spared_session_id
        from (
          select * from revocations where client_id = $4 union all select * from revocations where everything
        ) covering
        where spared_session_id is not null
      ) named (id)
      cross join lateral (
        select * from token_pairs where id = named.id and session_id = named.id
        union all
        select * from token_pairs where session_id = named.id and id <> session_id
        offset 0
      ) pair
    ) pair
    where hashtext(pair.client_id) = hashtext($5) and pair.client_id = $6 and session_id < 0::bigint
      and pair.expires_at > $7::timestamptz
      and not exists (
        select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id offset 0
      )
      and (
        not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'access_token' offset 0
        )
        or pair.has_refresh
        and not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'refresh_token' offset 0
        )
      )
      and not exists (
        select
        from (
          select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
          union all
          select * from revocations where selector = 'owner' and realm = pair.realm and username is null
          union all
          select * from revocations where selector = 'owner' and realm is null and username = pair.username
          union all
          select * from revocations where client_id = pair.client_id
          union all
          select * from revocations where everything
        ) covering
        where bound > pair.session_id and spared_session_id is distinct from pair.session_id
        offset 0
      )
    group by session_id
    order by session_id desc
    limit 10::bigint
  )
) candidates
order by session_id desc
limit $8;

-- src/storage/session-candidates.ts, listCandidates: a realm, all sessions
select session_id
from (
  (
    select session_id
    from (select * from token_pairs pair where pair.realm = $1) pair
    where session_id < 9007199254740991::bigint and session_id >= 0::bigint and true
    group by session_id
    order by session_id desc
    limit 10::bigint
  )
) candidates
order by session_id desc
limit $2;

-- src/storage/session-candidates.ts, listCandidates: a realm, live sessions
select session_id
from (
  (
    select session_id
    from (select * from token_pairs pair where pair.realm = $1) pair
    where session_id < 9007199254740991::bigint and session_id >= 0::bigint and pair.expires_at > $2::timestamptz
      and not exists (
        select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id offset 0
      )
      and (
        not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'access_token' offset 0
        )
        or pair.has_refresh
        and not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'refresh_token' offset 0
        )
      )
      and not exists (
        select
        from (
          select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
          union all
          select * from revocations where selector = 'owner' and realm = pair.realm and username is null
          union all
          select * from revocations where selector = 'owner' and realm is null and username = pair.username
          union all
          select * from revocations where client_id = pair.client_id
          union all
          select * from revocations where everything
        ) covering
        where bound > pair.session_id and spared_session_id is distinct from pair.session_id
        offset 0
      )
    group by session_id
    order by session_id desc
    limit 10::bigint
  )
  union all
  (
    select session_id
    from (
      select pair.*
      from (
        select distinct spared_session_id
        from (
          select * from revocations where selector = 'owner' and realm = $3 and username is null
          union all
          select * from revocations where everything
        ) covering
        where spared_session_id is not null
      ) named (id)
      cross join lateral (
        select * from token_pairs where id = named.id and session_id = named.id
        union all
        select * from token_pairs where session_id = named.id and id <> session_id
        offset 0
      ) pair
    ) pair
    where pair.realm = $4 and session_id < 0::bigint and pair.expires_at > $5::timestamptz
      and not exists (
        select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id offset 0
      )
      and (
        not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'access_token' offset 0
        )
        or pair.has_refresh
        and not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'refresh_token' offset 0
        )
      )
      and not exists (
        select
        from (
          select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
          union all
          select * from revocations where selector = 'owner' and realm = pair.realm and username is null
          union all
          select * from revocations where selector = 'owner' and realm is null and username = pair.username
          union all
          select * from revocations where client_id = pair.client_id
          union all
          select * from revocations where everything
        ) covering
        where bound > pair.session_id and spared_session_id is distinct from pair.session_id
        offset 0
      )
    group by session_id
    order by session_id desc
    limit 10::bigint
  )
) candidates
order by session_id desc
limit $6;

-- src/storage/session-candidates.ts, listCandidates: a username in all realms, all sessions
select session_id
from (
  (
    select session_id
    from (
      select * from token_pairs pair where hashtext(pair.username) = hashtext($1) and pair.username = $2 offset 0
    ) pair
    where session_id < 9007199254740991::bigint and session_id >= 0::bigint and true
    group by session_id
    order by session_id desc
    limit 10::bigint
  )
) candidates
order by session_id desc
limit $3;

-- src/storage/session-candidates.ts, listCandidates: a username in all realms, live sessions
select session_id
from (
  (
    select session_id
    from (
      select * from token_pairs pair where hashtext(pair.username) = hashtext($1) and pair.username = $2 offset 0
    ) pair
    where session_id < 9007199254740991::bigint and session_id >= 0::bigint and pair.expires_at > $3::timestamptz
      and not exists (
        select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id offset 0
      )
      and (
        not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'access_token' offset 0
        )
        or pair.has_refresh
        and not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'refresh_token' offset 0
        )
      )
      and not exists (
        select
        from (
          select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
          union all
          select * from revocations where selector = 'owner' and realm = pair.realm and username is null
          union all
          select * from revocations where selector = 'owner' and realm is null and username = pair.username
          union all
          select * from revocations where client_id = pair.client_id
          union all
          select * from revocations where everything
        ) covering
        where bound > pair.session_id and spared_session_id is distinct from pair.session_id
        offset 0
      )
    group by session_id
    order by session_id desc
    limit 10::bigint
  )
  union all
  (
    select session_id
    from (
      select pair.*
      from (
        select distinct spared_session_id
        from (
          select * from revocations where selector = 'owner' and realm is null and username = $4
          union all
          select * from revocations where everything
        ) covering
        where spared_session_id is not null
      ) named (id)
      cross join lateral (
        select * from token_pairs where id = named.id and session_id = named.id
        union all
        select * from token_pairs where session_id = named.id and id <> session_id
        offset 0
      ) pair
    ) pair
    where hashtext(pair.username) = hashtext($5) and pair.username = $6 and session_id < 0::bigint
      and pair.expires_at > $7::timestamptz
      and not exists (
        select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id offset 0
      )
      and (
        not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'access_token' offset 0
        )
        or pair.has_refresh
        and not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'refresh_token' offset 0
        )
      )
      and not exists (
        select
        from (
          select * from revocations where selector = 'owner' and realm = pair.realm and username = pair.username
          union all
          select * from revocations where selector = 'owner' and realm = pair.realm and username is null
          union all
          select * from revocations where selector = 'owner' and realm is null and username = pair.username
          union all
          select * from revocations where client_id = pair.client_id
          union all
          select * from revocations where everything
        ) covering
        where bound > pair.session_id and spared_session_id is distinct from pair.session_id
        offset 0
      )
    group by session_id
    order by session_id desc
    limit 10::bigint
  )
) candidates
order by session_id desc
limit $8;

-- src/storage/session-candidates.ts, owner_candidates: prepared
select asked.place, candidate.session_id
from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::boolean[], $6::bigint[])
  with ordinality asked (realm, username, before, at, include_ended, most, place)
inner join lateral (
  select pair.session_id
  from (
    select *
    from (
      select *
      from token_pairs pair
      where hashtext(pair.username) = hashtext(asked.username) and pair.username = asked.username
        and hashtext(pair.realm) = hashtext(asked.realm)
      offset 0
    ) pair
    where pair.realm = asked.realm
  ) pair
  where pair.session_id < asked.before
    and (
      asked.include_ended or pair.expires_at > asked.at
      and not exists (
        select from revocations ended where ended.selector = 'session' and ended.session_id = pair.session_id offset 0
      )
      and (
        not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'access_token' offset 0
        )
        or pair.has_refresh
        and not exists (
          select from revocations ended where ended.pair_id = pair.id and ended.selector = 'refresh_token' offset 0
        )
      )
      and not exists (
        select
        from (
          select * from revocations where client_id = pair.client_id
          union all
          select * from revocations where everything
        ) covering
        where bound > pair.session_id and spared_session_id is distinct from pair.session_id
        offset 0
      )
      and (
        pair.session_id >= (
          select coalesce(max(bound), 0)
          from (
            select * from revocations where selector = 'owner' and realm = asked.realm and username = asked.username
            union all
            select * from revocations where selector = 'owner' and realm = asked.realm and username is null
            union all
            select * from revocations where selector = 'owner' and realm is null and username = asked.username
            union all
            select * from revocations where everything
          ) covering
        )
        or pair.session_id in (
          select distinct spared_session_id
          from (
            select * from revocations where selector = 'owner' and realm = asked.realm and username = asked.username
            union all
            select * from revocations where selector = 'owner' and realm = asked.realm and username is null
            union all
            select * from revocations where selector = 'owner' and realm is null and username = asked.username
            union all
            select * from revocations where everything
          ) covering
          where spared_session_id is not null
        )
      )
    )
  group by pair.session_id
  order by pair.session_id desc
  limit asked.most
) candidate on true
order by asked.place, candidate.session_id desc;

-- src/storage/session-candidates.ts, readHighestBound: a client, live sessions
select coalesce(max(bound), 0)
from (select * from revocations where client_id = $1 union all select * from revocations where everything) covering;

-- src/storage/session-candidates.ts, readHighestBound: a realm, live sessions
select coalesce(max(bound), 0)
from (
  select * from revocations where selector = 'owner' and realm = $1 and username is null
  union all
  select * from revocations where everything
) covering;

-- src/storage/session-candidates.ts, readHighestBound: a username in all realms, live sessions
select coalesce(max(bound), 0)
from (
  select * from revocations where selector = 'owner' and realm is null and username = $1
  union all
  select * from revocations where everything
) covering;

-- src/storage/sessions.ts, sessions: prepared
with "token_pair_states" as (
  select named.place, state.*,
    case
      when state.covered_by is not null then false
      when not state.access_invalidated and state.access_expires_at > named.at then true
      when state.has_refresh and not state.refresh_invalidated and state.spent_at is null
        and state.expires_at > named.at then true
      else exists (
        select
        from (
          select access_invalidated, access_expires_at
          from token_pair_states
          where id = named.id and session_id = named.id
          union all
          select access_invalidated, access_expires_at
          from token_pair_states
          where session_id = named.id and id <> session_id
        ) pair
        where not access_invalidated and access_expires_at > named.at
      )
    end as is_live
  from unnest($1::bigint[], $2::timestamptz[]) with ordinality named (id, at, place)
  cross join lateral (
    select slot, id
    from (
      select slot, id from token_pairs where id = named.id and session_id = named.id
      union all
      select slot, id from token_pairs where session_id = named.id and id <> session_id
      offset 0
    ) pair
    order by id desc
    limit 1
  ) newest
  cross join lateral (select * from token_pair_states where slot = newest.slot and id = newest.id limit 1) state
)
select place, "id", "session_id", "realm", "username", "client_id", "device_label", "user_agent", "ip_address",
  floor(extract(epoch from "started_at") * 1000)::bigint, floor(extract(epoch from "issued_at") * 1000)::bigint,
  floor(extract(epoch from "expires_at") * 1000)::bigint, "covered_by", is_live
from "token_pair_states";

-- src/storage/unreached-numbers.ts, check: an unknown token
select last_value - (not is_called)::int from revision;
