-- Locks make the account exact (who ended a half first); validity never rests on them.
--
-- An issue, a refresh and the invalidation of a single token hold their realm and username shared; the revocation of
-- a session or an owner holds its scope exclusively. A revision is taken only after the locks, so within a scope the
-- revisions are in the order of the commits, and "as of revision R" has one answer.
--
-- One order for everybody, or they deadlock: all, then realms, then usernames, each sorted by key. Two-part keys keep
-- the three kinds apart; names that share a hash merely share a lock. Every caller is a single statement that commits
-- by itself, so no lock outlives one round trip, and a process that stops in the middle stalls nobody.
create function lock_names_shared(realms text[], usernames text[]) returns void
language plpgsql set lock_timeout = '5s' as $$
declare
  key int;
begin
  for key in select distinct hashtext(name) from unnest(realms) name order by 1 loop
    perform pg_advisory_xact_lock_shared(1769366882, key);
  end loop;
  for key in select distinct hashtext(name) from unnest(usernames) name order by 1 loop
    perform pg_advisory_xact_lock_shared(1769366883, key);
  end loop;
end $$;
--> statement-breakpoint
create function lock_scope(realm text, username text) returns void
language plpgsql set lock_timeout = '5s' as $$
begin
  if realm is null then
    perform pg_advisory_xact_lock_shared(1769366881, 0);
    perform pg_advisory_xact_lock(1769366883, hashtext(username));
  elsif username is null then
    perform pg_advisory_xact_lock(1769366881, 0);
    perform pg_advisory_xact_lock(1769366882, hashtext(realm));
  else
    perform pg_advisory_xact_lock_shared(1769366882, hashtext(realm));
    perform pg_advisory_xact_lock(1769366883, hashtext(username));
  end if;
end $$;
--> statement-breakpoint
-- The pairs named, as they are once their locks are held. plpgsql, because each of its statements takes a new
-- snapshot: what was committed while this one waited for a lock is seen. A plain statement would see the past.
create function locked_pair_states(slots smallint[], ids bigint[]) returns setof token_pair_states
language plpgsql as $$
begin
  perform lock_names_shared(array_agg(pair.realm), array_agg(pair.username))
    from unnest(slots, ids) named (slot, id) join token_pairs pair using (slot, id);
  return query
    select state.* from (select distinct slot, id from unnest(slots, ids) named (slot, id)) named
      join token_pair_states state using (slot, id);
end $$;
--> statement-breakpoint
-- Empties a slot of the retention ring if every pair in it is past use at `cut`; answers whether it did.
--
-- The walk over the rows is done before the lock. Under the lock only the newest pair is looked at again: none may have
-- come meanwhile. A reader that is in the way wins after 100 ms, and the next round tries again.
create function empty_slot(slot int, cut timestamptz) returns boolean
language plpgsql set lock_timeout = '100ms' as $$
declare
  pairs text := 'token_pairs_' || slot;
  newest bigint;
  newest_now bigint;
  is_past_use boolean;
begin
  execute format('select id, expires_at <= $1 from %I order by id desc limit 1', pairs) into newest, is_past_use using cut;
  if newest is null or not is_past_use then return false; end if;
  execute format('select not exists (select from %I where expires_at > $1)', pairs) into is_past_use using cut;
  if not is_past_use then return false; end if;
  execute format('lock table %I, %I in access exclusive mode', pairs, 'spent_refresh_tokens_' || slot);
  execute format('select max(id) from %I', pairs) into newest_now;
  if newest_now is distinct from newest then return false; end if;
  execute format('truncate %I, %I', pairs, 'spent_refresh_tokens_' || slot);
  return true;
exception when lock_not_available then
  return false;
end $$;
