-- Deployments no longer in use: what may be removed without harm to an invocation.

CREATE VIEW unused_deployments AS
SELECT d.id, d.ty, d.endpoint, d.created_at, d.services
FROM sys_deployment AS d
WHERE NOT EXISTS (
        SELECT 1 FROM sys_service AS s WHERE s.deployment_id = d.id
    )
  AND NOT EXISTS (
        SELECT 1 FROM sys_invocation_status AS i WHERE i.pinned_deployment_id = d.id AND i.status <> 'completed'
    );

COMMENT ON VIEW unused_deployments IS
    'Deployments that no service sends new invocations to and that no invocation still open is bound to.';

COMMENT ON COLUMN unused_deployments.id IS
    'Id of the deployment (dp_...).';
COMMENT ON COLUMN unused_deployments.ty IS
    'How the endpoint is reached: http or lambda.';
COMMENT ON COLUMN unused_deployments.endpoint IS
    'Its address: a URL for http, an ARN for lambda.';
COMMENT ON COLUMN unused_deployments.created_at IS
    'When the deployment was registered.';
COMMENT ON COLUMN unused_deployments.services IS
    'Names of the services that were found there at registration.';
