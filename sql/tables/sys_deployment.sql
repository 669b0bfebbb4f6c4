-- Where services run: each endpoint that was registered.

CREATE TABLE sys_deployment (
    id                           text,
    ty                           text,
    endpoint                     text,
    created_at                   timestamp with time zone,
    min_service_protocol_version bigint,
    max_service_protocol_version bigint,
    services                     text[],
    PRIMARY KEY (id)
);

COMMENT ON TABLE sys_deployment IS
    'Registered deployments: the endpoints at which the runtime reaches services.';

COMMENT ON COLUMN sys_deployment.id IS
    'Id of the deployment (dp_...).';
COMMENT ON COLUMN sys_deployment.ty IS
    'How the endpoint is reached: http or lambda.';
COMMENT ON COLUMN sys_deployment.endpoint IS
    'Its address: a URL for http, an ARN for lambda.';
COMMENT ON COLUMN sys_deployment.created_at IS
    'When the deployment was registered.';
COMMENT ON COLUMN sys_deployment.min_service_protocol_version IS
    'Lowest version of the service protocol that it speaks.';
COMMENT ON COLUMN sys_deployment.max_service_protocol_version IS
    'Highest version of the service protocol that it speaks.';
COMMENT ON COLUMN sys_deployment.services IS
    'Names of the services that were found there at registration. Since 1.6.1.';
