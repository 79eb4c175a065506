-- Mark the consent that `lock_consent_of_caller` finds, which is part of the same statement, as used. The time is kept to the
-- minute, as in `use_consent`.
UPDATE consents
SET used_at = %(now)s
FROM lock_consent_of_caller
WHERE consents.library_id = %(library_id)s AND consents.id = lock_consent_of_caller.consent_id
AND (lock_consent_of_caller.used_at IS NULL OR lock_consent_of_caller.used_at < %(now)s - interval '1 minute')
