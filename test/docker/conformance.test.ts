import { conformance } from '../conformance/suite.ts';
import { dockerSubject } from './support/docker-subject.ts';

conformance('Docker', () => dockerSubject({ egress: true }));
conformance('Docker without an egress proxy', () => dockerSubject({ egress: false }), ['network-listed']);
