const ROOT = '/sys/fs/cgroup';

/** Folders in which Docker creates a container's control group: one per controller (v1), or one of two paths (v2). */
export const groupV1 = (controller: string, id: string): string => `${ROOT}/${controller}/docker/${id}`;
export const groupsV2 = (id: string): string[] => [
  `${ROOT}/system.slice/docker-${id}.scope`,
  `${ROOT}/docker/${id}`,
];
