const ROOT = '/sys/fs/cgroup';

/** Where Docker makes a container's control group, of one controller (v1) or of all (v2, either of two). */
export const groupV1 = (controller: string, id: string): string => `${ROOT}/${controller}/docker/${id}`;
export const groupsV2 = (id: string): string[] => [
  `${ROOT}/system.slice/docker-${id}.scope`,
  `${ROOT}/docker/${id}`,
];
