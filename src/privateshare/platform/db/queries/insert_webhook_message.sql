-- Store a message to the endpoint of a webhook.
INSERT INTO webhook_messages (id, endpoint_id, event, body, attempts)
VALUES (%(id)s, %(endpoint_id)s, %(event)s, %(body)s, 0)
