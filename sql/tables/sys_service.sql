-- The services that can be invoked, each at its latest revision.

CREATE TABLE sys_service (
    name          text,
    revision      bigint,
    "public"      boolean,
    ty            text,
    deployment_id text,
    PRIMARY KEY (name),
    FOREIGN KEY (deployment_id) REFERENCES sys_deployment (id)
);

COMMENT ON TABLE sys_service IS
    'Registered services, each at its latest revision.';

COMMENT ON COLUMN sys_service.name IS
    'Name of the service.';
COMMENT ON COLUMN sys_service.revision IS
    'Number of the latest revision: it grows by one with each deployment that brings the service.';
COMMENT ON COLUMN sys_service."public" IS
    'Whether the service may be invoked through the ingress. False: only other services can call it.';
COMMENT ON COLUMN sys_service.ty IS
    'Kind of the service: service, virtual_object or workflow.';
COMMENT ON COLUMN sys_service.deployment_id IS
    'Id of the deployment that new invocations go to.';
